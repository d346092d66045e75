"""What each block of a network optimises."""

from dataclasses import dataclass
from typing import Literal

from ibtrain.checks import check_choice, check_integer, check_number, check_per_block
from ibtrain.config.model import MAX_WIDTH
from ibtrain.config.settings import choice
from ibtrain.errors import ConfigError

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
}
"""What a block can optimise: a :class:`~ibtrain.train.objectives.base.BlockObjective` by its name."""
ORDERS = {
    "sequential": "a block after the other, each frozen before the next one begins",
    "simultaneous": "all blocks at every batch, no gradient crossing a block",
    "joint": "all blocks at every batch, gradients crossing",
}
"""In which order blocks may train, in words."""
OUTPUT_OBJECTIVES = {"dv": "ib", "cross-entropy": "cross-entropy"}
"""The objective of the output layer, by the readout that it is."""
READOUTS = (*OUTPUT_OBJECTIVES, "critic")
PREDICT_FROM = {
    "mixed": "noisy t (clean h in the last hidden block)",
    "clean": "clean h",
    "noisy": "noisy t",
}
"""What the prediction term of the hidden blocks may read, in words."""
NOISE_SCALES = ("absolute", "relative")
MAX_BETA = 1e12
"""Weight of the compression term: float32 holds the gradients that it multiplies."""
MIN_NOISE_STD, MAX_NOISE_STD = 1e-12, 1e12
"""Of the noise: float32 holds its square, and that of activations in its units."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """What each block optimises: by default the information bottleneck ``J = I(h; y) - beta * I(x; t)``.

    Args:
        name: What the hidden blocks optimise: ``ib``, the information bottleneck, or ``cross-entropy`` of a
            classifier that reads the block.
        order: How blocks train: one after another (``sequential``), or all at every batch with gradients that
            stay within blocks (``simultaneous``) or cross them (``joint``).
        beta: Weight of the compression term; one number, or one for each block. At most 1e12.
        noise_std: Standard deviation sigma of the noise in ``t = h + sigma * eps``; one number, or one for each
            block. 0 or from 1e-12 to 1e12.
        noise_scale: Whether sigma is ``absolute``, or ``relative`` to the activations' own scale.
        predict_from: What the prediction term of a hidden block reads: ``clean`` h, ``noisy`` t, or
            ``mixed``: t, but h in the last hidden block. That block's reader is trained on clean h. The
            output layer's own outputs are the scores, and are read clean.
        readout: What trains the output layer: its own ``dv`` bound, ``cross-entropy``, or nothing
            (the last hidden block's class ``critic`` then predicts).
        critic_width: Units in the hidden layer of the critic that scores classes. The last hidden
            block's has none: the output layer that will read the block is linear, and so is its
            critic. 0 makes all of them linear.
        pair_critic_width: The same of the critic that scores (h, t). It needs fewer: it only has
            to point the block away from what it keeps of x.
        ema_rate: Weight of the newest batch in the running average of the DV gradient's
            denominator; 1 is the plain DV gradient.
    """

    name: str = choice("ib", OBJECTIVES)
    order: str = choice("sequential", ORDERS)
    beta: tuple[float, ...] = (1e-4,)
    noise_std: tuple[float, ...] = (0.5,)
    noise_scale: str = choice("absolute", NOISE_SCALES)
    predict_from: str = choice("mixed", PREDICT_FROM)
    readout: str = choice("dv", READOUTS)
    critic_width: int = 256
    pair_critic_width: int = 64
    ema_rate: float = 0.1

    def __post_init__(self) -> None:
        check_choice("objective", self.name, tuple(OBJECTIVES))
        check_choice("order", self.order, tuple(ORDERS))
        check_per_block("beta", self.beta, 0)
        for beta in self.beta:
            if beta > MAX_BETA:
                raise ConfigError(beta, f"a number of {MAX_BETA:g} or less", "beta")
        check_per_block("noise_std", self.noise_std, 0)
        for noise_std in self.noise_std:
            check_noise_std("noise_std", noise_std)
        check_choice("noise_scale", self.noise_scale, NOISE_SCALES)
        check_choice("predict_from", self.predict_from, tuple(PREDICT_FROM))
        check_choice("readout", self.readout, READOUTS)
        check_integer("critic_width", self.critic_width, 0, MAX_WIDTH)
        check_integer("pair_critic_width", self.pair_critic_width, 1, MAX_WIDTH)
        check_number("ema_rate", self.ema_rate, above=0)
        if self.ema_rate > 1:
            raise ConfigError(self.ema_rate, "a number in (0, 1]", "ema_rate")
        for beta, noise_std in zip(
            self.for_blocks("beta", max(len(self.beta), len(self.noise_std))),
            self.for_blocks("noise_std", max(len(self.beta), len(self.noise_std))),
            strict=True,
        ):
            if beta > 0 and noise_std == 0:
                raise ConfigError(
                    "noise_std 0 with beta above 0",
                    "noise, because I(x; h) of a deterministic layer is infinite or constant",
                    "noise_std",
                )

    def predicts_from_noisy(self, index: int, count: int) -> bool:
        """Whether block ``index`` of ``count``, the output layer included, is read with its noise."""
        clean_from = {"clean": 0, "mixed": count - 2, "noisy": count - 1}[self.predict_from]
        return index < clean_from

    def critic_hidden(self, index: int, count: int) -> list[int]:
        """Widths of the hidden layers of the critic that scores classes for block ``index`` of ``count``."""
        # the layer that will read the last hidden block is linear, and so is that block's critic
        return [self.critic_width] if self.critic_width and index < count - 2 else []

    def for_blocks(self, name: Literal["beta", "noise_std"], count: int) -> tuple[float, ...]:
        """One value of ``beta`` or ``noise_std`` for each of ``count`` blocks."""
        values: tuple[float, ...] = getattr(self, name)
        if len(values) == 1:
            return values * count
        if len(values) != count:
            raise ConfigError(f"{len(values)} values", f"1, or {count} (one for each block)", name)
        return values


def check_noise_std(where: str, value: float) -> None:
    """A standard deviation of noise: none, or one that float32 can hold beside activations.

    Raises:
        ConfigError: If it is smaller or larger.
    """
    check_number(where, value, 0)
    if value and not MIN_NOISE_STD <= value <= MAX_NOISE_STD:
        expected = f"0, or a number between {MIN_NOISE_STD:g} and {MAX_NOISE_STD:g}"
        raise ConfigError(value, expected, where)
