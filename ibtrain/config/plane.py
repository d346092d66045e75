"""How the information plane is measured."""

from dataclasses import dataclass

from ibtrain.checks import check_choice, check_integer, check_sequence
from ibtrain.errors import ConfigError

__all__ = ["MEASURES", "PlaneConfig"]

MEASURES = {
    "mine": "ibtrain.plane.measures.mine:Mine",
    "channel": "ibtrain.plane.measures.channel:Channel",
    "probe": "ibtrain.plane.measures.probe:Probe",
}
"""What can be measured of a layer: a :class:`~ibtrain.plane.measures.base.Measure` by its name."""
MAX_POINTS = 10_000
"""Of the plane, whose list of epochs is drawn up for every event."""
MAX_CRITIC_STEPS = 10_000_000
"""At a point of the plane: a training can be interrupted between epochs, but not within a point."""


@dataclass(frozen=True)
class PlaneConfig:
    """How the information plane is measured.

    Args:
        points: Log-spaced epochs at which the plane is measured, the start and the end included; 0 for none.
        samples: Test samples that the plane is measured on.
        train_samples: Training samples that its critics and probes are fitted to.
        critic_steps: Steps of the critics at each point, continuing from the one before.
        batch_size: Batch of those steps.
        audit_every: Points after which fresh critics check those that continue, as they do at the last point; 0
            for never.
        measures: What is measured of a layer: ``mine`` (critics), ``channel`` (the known noise), ``probe`` (a
            linear classifier).
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
