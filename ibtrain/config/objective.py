"""Settings of the objective of each block of a network."""

from dataclasses import dataclass
from typing import Literal

from ibtrain.checks import check_choice, check_flag, check_integer, check_number, check_per_block
from ibtrain.config.model import MAX_WIDTH
from ibtrain.config.settings import added, check_keywords, choice, convert_fields
from ibtrain.errors import ConfigError
from ibtrain.lazy import load_object

__all__ = [
    "NOISE_SCALES",
    "OBJECTIVES",
    "ORDERS",
    "OUTPUT_OBJECTIVES",
    "PREDICT_FROM",
    "READOUTS",
    "ObjectiveConfig",
    "check_noise_std",
]

OBJECTIVES = {
    "ib": "ibtrain.train.objectives.ib:InformationBottleneck",
    "cross-entropy": "ibtrain.train.objectives.cross_entropy:CrossEntropy",
    "dv": "ibtrain.train.objectives.dv:PredictionTerm",
    "nwj": "ibtrain.train.objectives.nwj:NWJBottleneck",
    "infonce": "ibtrain.train.objectives.infonce:InfoNCEBottleneck",
    "smile": "ibtrain.train.objectives.smile:SmileBottleneck",
    "squared-ib": "ibtrain.train.objectives.squared_ib:SquaredInformationBottleneck",
    "same-class": "ibtrain.train.objectives.same_class:SameClass",
    "similarity": "ibtrain.train.objectives.similarity:Similarity",
    "hsic": "ibtrain.train.objectives.hsic:HSICBottleneck",
    "renyi": "ibtrain.train.objectives.renyi:RenyiBottleneck",
    "frozen": "ibtrain.train.objectives.frozen:Frozen",
}
"""Objectives of a block by name: classes of :class:`~ibtrain.train.objectives.base.BlockObjective`."""
ORDERS = {
    "sequential": "one block after another, each frozen before the next one begins",
    "simultaneous": "all blocks at every batch, without gradients between blocks",
    "joint": "all blocks at every batch, with gradients between blocks",
}
"""Training orders of the blocks, with descriptions."""
UNUSED = {
    "dv": ("beta",),
    "same-class": ("beta",),
    "similarity": ("beta",),
    "frozen": ("beta", "same_class", "similarity"),
}
"""Weights of terms that an objective does not have, and which are refused unless they are 0 or the default."""
OUTPUT_OBJECTIVES = {
    **dict.fromkeys(["ib", "nwj", "infonce", "smile"], "ib"),
    "squared-ib": "squared-ib",
    **dict.fromkeys([*UNUSED, "hsic", "renyi"], "dv"),
}
"""Objective of the output layer with the readout ``dv``, by the objective of the hidden blocks; ``ib`` with others."""
READOUTS = ("dv", "cross-entropy", "critic")
PREDICT_FROM = {
    "mixed": "noisy t (clean h in the last hidden block)",
    "clean": "clean h",
    "noisy": "noisy t",
}
"""Inputs of the prediction term of the hidden blocks, with descriptions."""
NOISE_SCALES = ("absolute", "relative")
DEFAULT_BETA = (1e-4,)
MAX_WEIGHT = 1e12
"""Maximum weight of a term, up to which float32 can hold the weighted gradients."""
MIN_NOISE_STD, MAX_NOISE_STD = 1e-12, 1e12
"""Limits of the noise's standard deviation, between which float32 can hold its square, and the square of the
activations divided by it."""


@check_keywords
@dataclass(frozen=True)
class ObjectiveConfig:
    """Objective of each block: by default the information bottleneck ``J = I(h; y) - beta * I(x; t)``.

    Args:
        name: Objective of the hidden blocks: ``ib``, the information bottleneck; ``cross-entropy`` of a classifier that
            reads the block; ``dv``, ``ib`` without compression; ``nwj``, ``infonce`` or ``smile``, ``ib`` with another
            bound on I(h; y); ``squared-ib``, with the square of I(x; t); ``same-class`` or ``similarity`` of
            pairs of samples; ``hsic`` or ``renyi``, kernel measures of dependence; or ``frozen``, random blocks.
        order: Training order of the blocks: one after another (``sequential``), or all at every batch with gradients
            that stay within blocks (``simultaneous``) or cross them (``joint``).
        beta: Weight of the compression term; one number, or one for each block. At most 1e12.
        noise_std: Standard deviation sigma of the noise in ``t = h + sigma * eps``; one number, or one for each
            block. 0 or from 1e-12 to 1e12.
        noise_scale: Whether sigma is ``absolute``, or ``relative`` to the scale of the activations.
        predict_from: Input of the prediction term of a hidden block: ``clean`` h, ``noisy`` t, or
            ``mixed``: t, but h in the last hidden block. The output layer, which reads that block, is trained
            on clean h. Its outputs are the class scores, to which no noise is added.
        readout: Training of the output layer: by its own ``dv`` bound, by ``cross-entropy``, or none
            (the class ``critic`` of the last hidden block then predicts). The ``dv`` bound has the compression term if
            the objective of the hidden blocks has it.
        critic_width: Number of hidden units of the critic that scores classes; 0 makes it linear. The critic of
            the last hidden block is always linear, like the output layer that will read the block.
        pair_critic_width: Number of hidden units of the critic that scores (h, t), or of channels where h is a feature map.
            Fewer units suffice: its gradient only has to reduce the information that the block keeps about x.
        ema_rate: Weight of the newest batch in the running average of the DV gradient's
            denominator; 1 gives the plain DV gradient.
        same_class: Weight of a contrastive bound on what two samples of a class share, in hidden blocks.
        similarity: Weight of the similarity matching loss, in hidden blocks.
        average_scores: Whether the class probabilities of all blocks predict together, by their geometric mean, and not
            those of the last block alone.
    """

    name: str = choice("ib", OBJECTIVES)
    order: str = choice("sequential", ORDERS)
    beta: tuple[float, ...] | float = DEFAULT_BETA
    noise_std: tuple[float, ...] | float = (0.5,)
    noise_scale: str = choice("absolute", NOISE_SCALES)
    predict_from: str = choice("mixed", PREDICT_FROM)
    readout: str = choice("dv", READOUTS)
    critic_width: int = 256
    pair_critic_width: int = 64
    ema_rate: float = 0.1
    same_class: float = 0.0
    similarity: float = 0.0
    average_scores: bool = added(True, before=False)

    def __post_init__(self) -> None:
        convert_fields(self)
        check_choice("objective", self.name, tuple(OBJECTIVES))
        check_choice("order", self.order, tuple(ORDERS))
        betas, noise_stds = self._values("beta"), self._values("noise_std")
        check_per_block("beta", betas, 0)
        self._check_weights(max(betas))
        check_per_block("noise_std", noise_stds, 0)
        for noise_std in noise_stds:
            check_noise_std("noise_std", noise_std)
        check_choice("noise_scale", self.noise_scale, NOISE_SCALES)
        check_choice("predict_from", self.predict_from, tuple(PREDICT_FROM))
        check_choice("readout", self.readout, READOUTS)
        check_integer("critic_width", self.critic_width, 0, MAX_WIDTH)
        check_integer("pair_critic_width", self.pair_critic_width, 1, MAX_WIDTH)
        check_number("ema_rate", self.ema_rate, above=0)
        if self.ema_rate > 1:
            raise ConfigError(self.ema_rate, "a number in (0, 1]", "ema_rate")
        check_flag("average_scores", self.average_scores)
        self._check_noise(max(len(betas), len(noise_stds)))

    def _check_weights(self, beta: float) -> None:
        """Checks the weights of all terms, and that none was set that the objective does not use."""
        weights = {"same_class": self.same_class, "similarity": self.similarity}
        for name, weight in weights.items():
            check_number(name, weight, 0)
        for name, weight in {"beta": beta, **weights}.items():
            if weight > MAX_WEIGHT:
                raise ConfigError(weight, f"a number of {MAX_WEIGHT:g} or less", name)
            is_set = weight > 0 and getattr(self, name) != DEFAULT_BETA
            if is_set and name in UNUSED.get(self.name, ()):
                expected = f"0 or another objective, because {self.name} has no such term"
                raise ConfigError(f"{weight:g} with the objective {self.name}", expected, name)

    def _check_noise(self, count: int) -> None:
        """Checks that each block that is compressed has noise."""
        if OUTPUT_OBJECTIVES.get(self.name) == "dv":
            # nothing is compressed by a critic
            return
        pairs = zip(
            self.for_blocks("beta", count), self.for_blocks("noise_std", count), strict=True
        )
        if any(beta > 0 and noise_std == 0 for beta, noise_std in pairs):
            raise ConfigError(
                "noise_std 0 with beta above 0",
                "noise, because I(x; h) of a deterministic layer is infinite or constant",
                "noise_std",
            )

    @property
    def output_objective(self) -> str:
        """Name of the objective of the output layer."""
        return OUTPUT_OBJECTIVES.get(self.name, "ib") if self.readout == "dv" else self.readout

    @property
    def smooths_labels(self) -> bool:
        """Whether some block can smooth labels, which every objective of an output layer can."""
        return self.readout != "critic" or bool(load_object(OBJECTIVES[self.name]).smooths_labels)

    def predicts_from_noisy(self, index: int, count: int) -> bool:
        """Whether block ``index`` of ``count``, including the output layer, predicts from its noisy output."""
        clean_from = {"clean": 0, "mixed": count - 2, "noisy": count - 1}[self.predict_from]
        return index < clean_from

    def critic_hidden(self, index: int, count: int) -> list[int]:
        """Returns the hidden widths of the critic that scores classes for block ``index`` of ``count``."""
        # the output layer, which will read the last hidden block, is linear, and so is the block's critic
        return [self.critic_width] if self.critic_width and index < count - 2 else []

    def _values(self, name: Literal["beta", "noise_std"]) -> tuple[float, ...]:
        # a single number has become a tuple
        values: tuple[float, ...] = getattr(self, name)
        return values

    def for_blocks(self, name: Literal["beta", "noise_std"], count: int) -> tuple[float, ...]:
        """Returns one value of ``beta`` or ``noise_std`` for each of ``count`` blocks."""
        values = self._values(name)
        if len(values) == 1:
            return values * count
        if len(values) != count:
            raise ConfigError(f"{len(values)} values", f"1, or {count} (one for each block)", name)
        return values


def check_noise_std(where: str, value: float) -> None:
    """Checks that a noise's standard deviation is 0, or within the limits of float32.

    Raises:
        ConfigError: If the value is outside these limits.
    """
    check_number(where, value, 0)
    if value and not MIN_NOISE_STD <= value <= MAX_NOISE_STD:
        expected = f"0, or a number between {MIN_NOISE_STD:g} and {MAX_NOISE_STD:g}"
        raise ConfigError(value, expected, where)
