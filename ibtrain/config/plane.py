"""Settings of the information plane's measurement."""

from dataclasses import dataclass

from ibtrain.checks import check_choice, check_integer, check_sequence
from ibtrain.errors import ConfigError

__all__ = ["MEASURES", "PlaneConfig"]

MEASURES = {
    "mine": "ibtrain.plane.measures.mine:Mine",
    "channel": "ibtrain.plane.measures.channel:Channel",
    "probe": "ibtrain.plane.measures.probe:Probe",
}
"""Measures of a layer by name: classes of :class:`~ibtrain.plane.measures.base.Measure`."""
MAX_POINTS = 10_000
"""Maximum number of points of the plane; the list of their epochs is computed at every event."""
MAX_CRITIC_STEPS = 10_000_000
"""Maximum number of steps at a point: a training can be interrupted between epochs, but not within a point."""


@dataclass(frozen=True)
class PlaneConfig:
    """Settings of the information plane's measurement.

    Args:
        points: Number of log-spaced epochs at which the plane is measured, including the start and the end; 0
            for none.
        samples: Number of test samples on which the plane is measured.
        train_samples: Number of training samples to which the critics and probes are fitted.
        critic_steps: Number of training steps of the critics at each point, from their state at the previous
            point.
        batch_size: Batch size of the critics' training steps.
        audit_every: Interval, in points, at which fresh critics check the tracked ones (also at the last point);
            0 for never.
        measures: Measures of a layer: ``mine`` (critics), ``channel`` (the known noise), ``probe`` (a linear
            classifier).
    """

    points: int = 6
    samples: int = 4000
    train_samples: int = 10_000
    critic_steps: int = 60
    batch_size: int = 256
    audit_every: int = 10
    measures: tuple[str, ...] = ("mine", "channel", "probe")

    def __post_init__(self) -> None:
        check_integer("plane points", self.points, 0, MAX_POINTS)
        check_integer("plane samples", self.samples, 2)
        check_integer("plane train_samples", self.train_samples, 4)
        check_integer("plane critic_steps", self.critic_steps, 1, MAX_CRITIC_STEPS)
        check_integer("plane batch_size", self.batch_size, 2)
        check_integer("plane audit_every", self.audit_every, 0)
        check_sequence("plane measures", self.measures)
        for name in self.measures:
            check_choice("plane measures", name, tuple(MEASURES))
        if not self.measures or len(set(self.measures)) < len(self.measures):
            expected = "at least one measure, and none twice"
            raise ConfigError(repr(self.measures), expected, "plane measures")
