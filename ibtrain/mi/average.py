"""The running average that corrects the gradient of a Donsker-Varadhan bound."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LogAverage"]


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
        self.value = torch.where(log_value < math.inf, newest, self.value)
        return self.value
