"""What a training returns: a network, its accuracies, and the metrics of every epoch."""

from dataclasses import dataclass, field
from typing import Any

from ibtrain.checks import check_fields
from ibtrain.config import Method
from ibtrain.lazy import html_method
from ibtrain.train.network import TrainedNetwork

__all__ = ["EpochRecord", "FitResult"]


@dataclass(frozen=True)
class EpochRecord:
    """The metrics of one epoch.

    Args:
        stage: Name of the block in training, or ``network``.
        epoch: Number of epochs of the stage so far.
        metrics: Bounds in nats, losses and accuracies.
        flags: ``diverging`` if a bound has been above its ceiling for several epochs.
    """

    stage: str
    epoch: int
    metrics: dict[str, float]
    flags: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EpochRecord":
        """The inverse of ``vars`` after JSON, which turns the tuple into a list.

        Raises:
            ConfigError: If a value has the wrong type.
        """
        record = cls(**{**values, "flags": tuple(values["flags"])})
        check_fields("epoch", record)
        return record


@dataclass
class FitResult(TrainedNetwork):
    """A trained network, which predicts, and its accuracies.

    Args:
        method: The method that trained it.
        seed: The seed of the training.
        accuracies: Share of correct predictions, by split.
        seconds: Training time, without evaluation and callbacks; networks that train at once share it.
        history: The metrics of every epoch.
    """

    method: Method
    seed: int
    accuracies: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    history: list[EpochRecord] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """Method, seed and accuracies in a line."""
        accuracies = ", ".join(f"{name} {100 * x:.1f} %" for name, x in self.accuracies.items())
        name = self.method.replace("_", "-")
        return f"{name}, seed {self.seed}, accuracy: {accuracies}; {self.seconds:.1f} s"

    def __repr__(self) -> str:
        # not all weights and epochs
        return f"<FitResult: {self.summary}>"

    _repr_html_ = html_method("ibtrain.report.notebook:fit_html")
