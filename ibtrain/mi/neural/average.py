"""Running averages of a bound's exponential mean, which corrects its gradient, and of a critic's weights."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LogAverage", "WeightAverage"]

MAX_DECAY = 0.995
"""Largest decay per step of the running average of the weights."""
UPDATE_EVERY = 5
"""Steps between two updates of the average of the weights, whose memory is hundreds of steps long."""


class LogAverage(nn.Module):
    """Running average of a positive quantity, stored as a logarithm and initialised with the first value.

    Args:
        rate: Weight of the newest value, in (0, 1]; 1 keeps no memory.
        count: Number of quantities that are averaged side by side; None is a single one, stored as a scalar.

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
        """Adds a value by its logarithm, unless that is NaN or inf; returns the logarithm of the average."""
        mixed = torch.logaddexp(self.value + self.log_old, log_value + self.log_new)
        newest = torch.where(self.value == -math.inf, log_value, mixed)
        # in place: a step in a CUDA graph is replayed on the same memory
        self.value.copy_(torch.where(log_value < math.inf, newest, self.value))
        return self.value


class WeightAverage:
    r"""Running average of a network's weights: over all steps equally at first, later over the last few hundred.

    .. math:: a \leftarrow d^k a + (1 - d^k) w, \quad d = \min(0.995, n / (n + 9))

    after step n, where k is the number of steps since the last update.

    Args:
        average: The average as one vector, which is updated in place; its initial value is soon forgotten.
        weights: The weights as one vector, which an optimiser updates.
    """

    def __init__(self, average: Tensor, weights: Tensor) -> None:
        self.average = average
        self.weights = weights
        # number of steps, and number of steps at the last update
        self.step = self.seen = 0

    def count_step(self) -> None:
        """Counts an optimiser step; every few steps the average is updated."""
        self.step += 1
        if self.step - self.seen == UPDATE_EVERY:
            self.catch_up()

    @torch.no_grad()
    def catch_up(self) -> None:
        """Updates the average for all steps since its last update."""
        decay = min(MAX_DECAY, self.step / (self.step + 9)) ** (self.step - self.seen)
        self.average.lerp_(self.weights, 1 - decay)
        self.seen = self.step
