"""Running averages: of a bound's exponential mean, which corrects its gradient, and of a critic's weights."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LogAverage", "WeightAverage"]

DECAY = 0.995
"""Of the running average of the weights, a step."""
UPDATE_EVERY = 5
"""Steps of which the average of the weights sees the last: it forgets in hundreds of them."""


class LogAverage(nn.Module):
    """Running average of a positive quantity, kept as a logarithm and started from its first value.

    Args:
        rate: Weight of the newest value, in (0, 1]; 1 keeps no memory.
        count: How many quantities are averaged side by side; None is one, without a dimension.

    References:
        MINE (arXiv 1801.04062), section 3.2.
    """

    value: Tensor

    def __init__(self, rate: float, count: int | None = None) -> None:
        super().__init__()
        self.log_new = math.log(rate)
        self.log_old = math.log1p(-rate) if rate < 1 else -math.inf
        self.register_buffer("value", torch.full(() if count is None else (count,), -torch.inf))

    @torch.no_grad()
    def update(self, log_value: Float[Tensor, "*count"]) -> Float[Tensor, "*count"]:
        """Takes in a new value's logarithm, unless it is NaN or infinite; returns the average's."""
        mixed = torch.logaddexp(self.value + self.log_old, log_value + self.log_new)
        newest = torch.where(self.value == -math.inf, log_value, mixed)
        # in place, as a step that is recorded has to
        self.value.copy_(torch.where(log_value < math.inf, newest, self.value))
        return self.value


class WeightAverage:
    r"""Running average of a network's weights, over all steps alike at first and the last hundreds later.

    .. math:: a \leftarrow d^k a + (1 - d^k) w, \quad d = \min(0.995, n / (n + 9))

    after step n, k steps after the last time.

    Args:
        average: The average as one vector, which is moved; its first value is soon forgotten.
        weights: The weights as one vector, which an optimiser steps.
    """

    def __init__(self, average: Tensor, weights: Tensor) -> None:
        self.average = average
        self.weights = weights
        self.step = self.seen = 0

    def count_step(self) -> None:
        """Says that the weights have moved; every few times the average does."""
        self.step += 1
        if self.step - self.seen == UPDATE_EVERY:
            self.catch_up()

    @torch.no_grad()
    def catch_up(self) -> None:
        """Moves the average by all steps since it last was."""
        decay = min(DECAY, self.step / (self.step + 9)) ** (self.step - self.seen)
        self.average.lerp_(self.weights, 1 - decay)
        self.seen = self.step
