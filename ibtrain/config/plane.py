"""Settings of the information plane's measurement."""

from dataclasses import dataclass

from ibtrain.checks import check_choice, check_integer, check_number, check_sequence
from ibtrain.errors import ConfigError

__all__ = ["MEASURES", "PlaneConfig"]

MEASURES = {
    "mine": "ibtrain.plane.measures.mine:Mine",
    "channel": "ibtrain.plane.measures.channel:Channel",
    "probe": "ibtrain.plane.measures.probe:Probe",
    "binned": "ibtrain.plane.measures.binned:Binned",
    "pairwise": "ibtrain.plane.measures.pairwise:Pairwise",
}
"""Measures of a layer by name: classes of :class:`~ibtrain.plane.measures.base.Measure`."""
MAX_POINTS = 10_000
"""Maximum number of points of the plane; the list of their epochs is computed at every event."""
MAX_CRITIC_STEPS = 10_000_000
"""Maximum number of steps at a point: a training can be interrupted between epochs, but not within a point."""

MAX_BINS = 1_000_000
"""Maximum number of bins for each unit."""


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
            classifier), ``binned`` (activations in
            bins), ``pairwise`` (bounds from distances).
        num_bins: Number of bins of equal width for each unit, for ``binned``.
        bin_range: Lower and upper end of the bins; by default the smallest and the largest activation of a layer at
            each point.
    """

    points: int = 6
    samples: int = 4000
    train_samples: int = 10_000
    critic_steps: int = 60
    batch_size: int = 256
    audit_every: int = 10
    measures: tuple[str, ...] = ("mine", "channel", "probe")
    num_bins: int = 30
    bin_range: tuple[float, ...] = ()

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
        check_integer("plane num_bins", self.num_bins, 1, MAX_BINS)
        self._check_bin_range()

    def _check_bin_range(self) -> None:
        check_sequence("plane bin_range", self.bin_range)
        for end in self.bin_range:
            check_number("plane bin_range", end)
        if self.bin_range and (len(self.bin_range) != 2 or self.bin_range[0] >= self.bin_range[1]):
            expected = "the lower and the upper end, such as -1,1"
            raise ConfigError(repr(self.bin_range), expected, "plane bin_range")
