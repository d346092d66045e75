"""Settings of the information plane's measurement."""

from collections.abc import Sequence
from dataclasses import dataclass

from ibtrain.checks import check_choice, check_integer, check_number, check_sequence
from ibtrain.config.objective import check_noise_std
from ibtrain.config.settings import check_keywords, choice, convert_fields
from ibtrain.config.units import UNITS
from ibtrain.errors import ConfigError

__all__ = ["MEASURES", "PLANE_NOISE_SCALES", "PLANE_SPLITS", "PlaneConfig", "plane_noise"]

MEASURES = {
    "mine": "ibtrain.plane.measures.mine:Mine",
    "channel": "ibtrain.plane.measures.channel:Channel",
    "probe": "ibtrain.plane.measures.probe:Probe",
    "binned": "ibtrain.plane.measures.binned:Binned",
    "pairwise": "ibtrain.plane.measures.pairwise:Pairwise",
    "profile": "ibtrain.plane.measures.profile:Profile",
    "ksg": "ibtrain.plane.measures.ksg:Ksg",
    "compressed": "ibtrain.plane.measures.compressed:Compressed",
    "dropout": "ibtrain.plane.measures.dropout:Dropout",
    "quantised": "ibtrain.plane.measures.quantised:Quantised",
    "gradients": "ibtrain.plane.measures.gradients:Gradients",
    "weights": "ibtrain.plane.measures.weights:Weights",
}
"""Measures of a layer by name: classes of :class:`~ibtrain.plane.measures.base.Measure`."""
AUTO_NOISE = 0.16
"""Standard deviation of the noise by default, as a share of a layer's radius: I(X; T) of wide and of narrow layers is then
well below ln N, so that a plane shows paths (docs/theory.md)."""
PLANE_NOISE_SCALES = ("absolute", "relative", "radius")
"""Units of the noise's standard deviation: those of the activations, the root mean square of the units' standard
deviations, or that times the square root of the dimension: the root mean square distance of a sample from the mean."""
PLANE_SPLITS = ("test", "train", "all")
MAX_POINTS = 10_000
"""Maximum number of points of the plane; the list of their epochs is computed at every event."""
MAX_CRITIC_STEPS = 10_000_000
"""Maximum number of steps at a point: a training can be interrupted between epochs, but not within a point."""

MAX_BINS = 1_000_000
"""Maximum number of bins for each unit."""
BIN_RULES = ("equal", "idnns", "activation")
MIN_ALPHA = 1e-6
"""Minimum variance of multiplicative noise, with which rounding errors are below 1e-6 nats in layers of 1,000 units."""
MAX_QUANTISE_BITS = 16
KDE_NOISES = ("plane", "fitted")


def plane_noise(noise_std: Sequence[float], noise_scale: str) -> tuple[tuple[float, ...], str]:
    """The noise of a plane and its unit, of settings that may leave it to the default."""
    return (tuple(noise_std), noise_scale) if noise_std else ((AUTO_NOISE,), "radius")


@check_keywords
@dataclass(frozen=True)
class PlaneConfig:
    """Settings of the information plane's measurement.

    Args:
        points: Number of log-spaced epochs at which the plane is measured, including the start and the end; 1 for the
            end alone, 0 for none.
        epochs: Epochs at which the plane is measured instead, besides the end: 0 is the start.
        every: Interval, in epochs, at which the plane is measured instead, from the start on.
        points_per_epoch: Number of points in each epoch that are added, evenly spaced, as in ``5`` for a point at every
            fifth of an epoch.
        on: Samples on which the plane is measured: the ``test`` split, the ``train`` split, or ``all`` samples.
        samples: Maximum number of samples on which the plane is measured.
        train_samples: Number of training samples to which the critics and probes are fitted.
        noise_std: Standard deviation of the noise in ``t = h + sigma * eps``, one value or one for each layer; ``auto``
            (in Python, no value) is 0.16 of each layer's radius.
        noise_scale: Unit of the noise: ``absolute`` in the units of the activations, ``relative`` to the units' root mean
            square standard deviation, or a share of the layer's ``radius``, which is that times the square root of its
            dimension.
        critic_steps: Number of training steps of the critics at each point, from their state at the previous
            point.
        label_critic_steps: Number of these steps of the critics of the label; 0 for as many.
        batch_size: Batch size of the critics' training steps, and of ``gradients``.
        audit_every: Interval, in points, at which fresh critics check the tracked ones (also at the last point);
            0 for never.
        measures: Measures of a layer: ``mine`` (critics), ``channel`` (the known noise), ``probe`` (a linear classifier),
            ``binned`` (activations in bins), ``pairwise`` (bounds from distances), ``profile`` (the known noise at eight
            sizes), ``ksg`` (nearest neighbours, for few units), ``compressed`` (the known noise of principal components),
            ``dropout`` (multiplicative noise), ``quantised`` (activations in a few bits), ``gradients`` (their mean,
            spread and ratio), ``weights`` (their norm, correlation and distance).
        num_bins: Number of bins of equal width for each unit, for ``binned``.
        bin_range: Lower and upper end of the bins, the same for all layers and epochs, as in ``-1,1`` for tanh; by default
            (``auto``) the smallest and the largest activation of a layer at each point.
        bin_size: Width of the bins, whose edges are its multiples (as in ibsgd), instead of their number; 0 for none.
        bin_rule: Bins of a number: ``equal`` for bins that cover the range, the outer ones also what is beyond; ``idnns``
            for num_bins edges from -1 to 1 (or of ``bin_range``), with one more bin for what is outside; or ``activation``
            for bins that cover the range of the layer's activation function, where it has one (tanh: -1 to 1).
        kde_noise: Standard deviation of the kernels of ``pairwise``: the noise of the ``plane``, or the one ``fitted`` to each
            layer at each point, with the largest leave-one-out likelihood.
        components: Number of principal components that ``compressed`` keeps.
        dropout_alpha: Variance of the multiplicative noise of ``dropout``: p / (1 - p) for dropout with the rate p.
        quantise_bits: Number of bits of an activation, for ``quantised``.
        unit: Unit of information, ``nats`` or ``bits``, in events, results, tables and pictures.
    """

    points: int = 6
    epochs: tuple[int, ...] = ()
    every: int = 0
    points_per_epoch: int = 0
    on: str = choice("test", PLANE_SPLITS)
    samples: int = 4096
    train_samples: int = 10_000
    noise_std: tuple[float, ...] = ()
    noise_scale: str = choice("absolute", PLANE_NOISE_SCALES)
    critic_steps: int = 60
    label_critic_steps: int = 0
    batch_size: int = 256
    audit_every: int = 10
    measures: tuple[str, ...] = ("mine", "channel", "probe")
    num_bins: int = 30
    bin_range: tuple[float, ...] = ()
    bin_size: float = 0.0
    bin_rule: str = choice("equal", BIN_RULES)
    kde_noise: str = choice("plane", KDE_NOISES)
    components: int = 4
    dropout_alpha: float = 0.25
    quantise_bits: int = 8
    unit: str = choice("nats", UNITS)

    def __post_init__(self) -> None:
        convert_fields(self)
        self._check_epochs()
        check_choice("plane on", self.on, PLANE_SPLITS)
        self._check_noise()
        check_choice("plane unit", self.unit, UNITS)
        check_integer("plane samples", self.samples, 2)
        check_integer("plane train_samples", self.train_samples, 4)
        check_integer("plane critic_steps", self.critic_steps, 1, MAX_CRITIC_STEPS)
        check_integer("plane label_critic_steps", self.label_critic_steps, 0, MAX_CRITIC_STEPS)
        check_integer("plane batch_size", self.batch_size, 2)
        check_integer("plane audit_every", self.audit_every, 0)
        check_sequence("plane measures", self.measures)
        for name in self.measures:
            check_choice("plane measures", name, tuple(MEASURES))
        if not self.measures or len(set(self.measures)) < len(self.measures):
            expected = "at least one measure, and none twice"
            raise ConfigError(repr(self.measures), expected, "plane measures")
        self._check_bins()
        check_choice("plane kde_noise", self.kde_noise, KDE_NOISES)
        check_integer("plane components", self.components, 1)
        check_number("plane dropout_alpha", self.dropout_alpha, MIN_ALPHA)
        check_integer("plane quantise_bits", self.quantise_bits, 1, MAX_QUANTISE_BITS)

    @property
    def sigma(self) -> tuple[tuple[float, ...], str]:
        """Standard deviations of the noise, and their unit."""
        return plane_noise(self.noise_std, self.noise_scale)

    def _check_epochs(self) -> None:
        check_integer("plane points", self.points, 0, MAX_POINTS)
        check_sequence("plane epochs", self.epochs)
        for epoch in self.epochs:
            check_integer("plane epochs", epoch, 0)
        if len(self.epochs) > MAX_POINTS:
            raise ConfigError(f"{len(self.epochs)} epochs", f"at most {MAX_POINTS}", "plane epochs")
        check_integer("plane every", self.every, 0)
        if self.every and self.epochs:
            given = f"every {self.every} epochs and a list of epochs"
            raise ConfigError(given, "one of them", "plane every")
        check_integer("plane points_per_epoch", self.points_per_epoch, 0, MAX_POINTS)

    def _check_noise(self) -> None:
        check_sequence("plane noise_std", self.noise_std)
        for value in self.noise_std:
            check_number("plane noise_std", value)
            if value <= 0:
                expected = "above 0 (I(x; h) of a deterministic layer is infinite or constant)"
                raise ConfigError(value, expected, "plane noise_std")
            check_noise_std("plane noise_std", value)
        check_choice("plane noise_scale", self.noise_scale, PLANE_NOISE_SCALES)

    def _check_bins(self) -> None:
        check_integer("plane num_bins", self.num_bins, 1, MAX_BINS)
        check_sequence("plane bin_range", self.bin_range)
        for end in self.bin_range:
            check_number("plane bin_range", end)
        if self.bin_range and (len(self.bin_range) != 2 or self.bin_range[0] >= self.bin_range[1]):
            expected = "the lower and the upper end, such as -1,1"
            raise ConfigError(repr(self.bin_range), expected, "plane bin_range")
        check_choice("plane bin_rule", self.bin_rule, BIN_RULES)
        check_number("plane bin_size", self.bin_size, 0)
        if self.bin_rule == "activation" and self.bin_range:
            given = "a range, and the rule activation"
            raise ConfigError(given, "one of them", "plane bin_range")
        if self.bin_size and (self.bin_range or self.bin_rule != "equal"):
            given = f"{self.bin_size:g} and another range or rule"
            raise ConfigError(given, "a size alone: its bins cover all numbers", "plane bin_size")
