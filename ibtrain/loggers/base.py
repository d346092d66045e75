"""Interface of loggers: turns events of a training and points of the plane into named numbers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from ibtrain.plane.point import PlanePoint
from ibtrain.train.callbacks import Callback, Event

__all__ = ["LogEntry", "Logger"]

PLANE = "plane/"
"""Begins the names of values of the plane: a block's own bounds have the same names."""


@dataclass(frozen=True)
class LogEntry:
    """The numbers of a block after an epoch of its training, or of a layer at a point of the plane.

    Args:
        method: Training method, ``layerwise`` or ``end_to_end``; ``watched`` for a training loop of the user's own.
        seed: Seed of the training.
        layer: Name of the block in training, or of the layer that was measured.
        epoch: Number of epochs of the block's training so far; a fraction within an epoch.
        values: Metrics of an epoch by name, or values of the plane, whose names begin with ``plane/``; the standard
            error of an estimate has the name of its value and ``_stderr``.
        flags: Reasons to distrust a value, by its name.
    """

    method: str
    seed: int
    layer: str
    epoch: int | float
    values: Mapping[str, float]
    flags: Mapping[str, tuple[str, ...]]

    @property
    def numbers(self) -> dict[str, float]:
        """All values, and the number of flags of each value that has some, for loggers of numbers only."""
        counts = {f"{name}_flags": float(len(flags)) for name, flags in self.flags.items() if flags}
        return {**self.values, **counts}


class Logger(Callback, ABC):
    """A callback that logs the metrics of every epoch, and the points of the plane.

    In :func:`ibtrain.run` it needs nothing else. With a trainer of your own the plane passes its points:
    ``InformationPlane(data, on_point=logger.on_point)``; in your own training loop call ``logger.on_point(point)`` for
    each of the points that ``plane.measure(epoch)`` returns.
    """

    @abstractmethod
    def log(self, entry: LogEntry) -> None:
        """Logs the numbers of a block or of a layer at one moment."""

    def on_epoch_end(self, event: Event) -> None:
        """Logs the metrics of an epoch."""
        metrics = dict(event.metrics)
        flags = dict.fromkeys(metrics, event.flags)
        self.log(LogEntry(event.method, event.seed, event.stage, event.epoch, metrics, flags))

    def on_point(self, point: PlanePoint) -> None:
        """Logs a layer's position on the information plane."""
        values = {f"{PLANE}{name}": value for name, value in point.scalars.items()}
        flags = {}
        for name, estimate in point.estimates.items():
            values |= {
                f"{PLANE}{name}": estimate.mi,
                f"{PLANE}{name}_stderr": estimate.stderr,
            }
            flags[f"{PLANE}{name}"] = estimate.flags
        self.log(LogEntry(point.method, point.seed, point.layer, point.epoch, values, flags))
