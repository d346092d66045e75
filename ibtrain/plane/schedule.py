"""Epochs at which a plane is measured."""

from ibtrain.config import PlaneConfig
from ibtrain.train.callbacks import Event

__all__ = ["count_moments", "is_due", "log_spaced_epochs", "measured_epochs"]


def is_due(config: PlaneConfig, event: Event) -> bool:
    """Whether a plane is measured at an event of a training.

    Args:
        config: Settings of the plane.
        event: The event.
    """
    if not config.points:
        return False
    if event.kind == "step":
        count, step, steps = config.points_per_epoch, event.step, event.steps
        # a point at the end of the epoch is due after the epoch
        return step < steps and step * count // steps > (step - 1) * count // steps
    is_last = event.epoch == event.epochs
    due = event.epoch in measured_epochs(config, event.epochs)
    return event.kind == "end" or (due and (event.kind == "start" or not is_last))


def count_moments(config: PlaneConfig, epochs: int) -> int:
    """Maximum number of moments at which a layer is measured in a training.

    Args:
        config: Settings of the plane.
        epochs: Number of epochs of the training.
    """
    if not config.points:
        return 0
    return len(measured_epochs(config, epochs)) + epochs * max(config.points_per_epoch - 1, 0)


def measured_epochs(config: PlaneConfig, epochs: int) -> list[int]:
    """Epochs at which a plane is measured; 0 is the start.

    Args:
        config: Settings of the plane.
        epochs: Number of epochs of the training, which is always the last one measured.

    Returns:
        The epochs in increasing order.
    """
    if config.epochs:
        return sorted({epoch for epoch in config.epochs if epoch < epochs} | {epochs})
    if config.every:
        return sorted({*range(0, epochs, config.every), epochs})
    return log_spaced_epochs(epochs, config.points)


def log_spaced_epochs(epochs: int, points: int) -> list[int]:
    """The start, log-spaced epochs from 1 on, and the last epoch.

    Args:
        epochs: Number of epochs of the training.
        points: Maximum number of points; rounding to whole epochs merges some of them. With 1 it is the last epoch.

    Returns:
        The epochs in increasing order.

    Example:
        >>> log_spaced_epochs(100, 4)
        [0, 1, 10, 100]
    """
    if points == 1:
        return [epochs]
    if points == 2 or epochs == 1:
        return [0, epochs]
    ratio = epochs ** (1 / (points - 2))
    return sorted({0, epochs, *(round(ratio**k) for k in range(points - 1))})
