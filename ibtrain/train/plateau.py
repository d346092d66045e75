"""A callback that ends the training of a block once a metric has stopped improving."""

from ibtrain.checks import check_choice, check_integer, check_number
from ibtrain.errors import ConfigError
from ibtrain.train.callbacks import Callback, Event

__all__ = ["StopOnPlateau"]


class StopOnPlateau(Callback):
    """Ends the training of a block once a metric of its training has not improved for some epochs.

    The last weights are kept. It is a function of the epochs so far, so that a training that continues from a
    checkpoint ends at the same epoch. For a validation split see ``patience`` of
    :class:`~ibtrain.config.OptimConfig`, which keeps the best weights.

    Args:
        metric: Name of the metric, such as ``train_accuracy``, ``mi_hy`` or ``cross_entropy``.
        patience: Number of epochs without improvement.
        min_delta: Smallest change that counts as an improvement, in the unit of the metric.
        mode: ``max`` if the metric should rise, ``min`` if it should fall.

    Raises:
        ConfigError: If a setting is out of range, or the training has no such metric.
    """

    def __init__(
        self, metric: str, patience: int = 5, *, min_delta: float = 0.0, mode: str = "max"
    ) -> None:
        check_integer("patience", patience, 1)
        check_number("min_delta", min_delta, 0)
        check_choice("mode", mode, ("max", "min"))
        self.metric = metric
        self.patience = patience
        self.min_delta = min_delta
        self.sign = 1 if mode == "max" else -1

    def on_epoch_end(self, event: Event) -> None:
        """Stops the block if none of the last epochs was better than the best one before them."""
        if self.metric not in event.metrics:
            expected = f"one of {', '.join(event.metrics)}"
            raise ConfigError(repr(self.metric), expected, f"metric of block {event.stage}")
        values = [self.sign * record.metrics[self.metric] for record in event.history]
        before, last = values[: -self.patience], values[-self.patience :]
        if before and max(last) <= max(before) + self.min_delta:
            event.stop()
