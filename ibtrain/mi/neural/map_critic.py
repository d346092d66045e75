"""A critic that scores feature maps and noisy copies of them."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.backend.precision import at_least_float32, float32_products
from ibtrain.mi.bounds.pooled import off_diagonal
from ibtrain.mi.neural.critics import limited

__all__ = ["FeatureMapCritic"]

SIDE = 8
"""Largest height and width of the maps that are compared."""
MAX_FEATURES = 2048
"""Largest number of values in them; each pair of a batch costs a product of so many."""
HEIGHT_SIDE = 4
"""Height and width of the averages that :math:`a` and :math:`b` read."""


class FeatureMapCritic(nn.Module):
    r"""Scores a feature map and a noisy copy by their product, :math:`g^2 (u(h) \cdot u(t) - \frac12 |u(h)|^2) + a(h) + b(t)`.

    :math:`u` is a convolution, with a stride where maps are large, :math:`g` a gain, and :math:`a` and :math:`b` are linear in
    averages of :math:`\mathrm{relu}(u)`. The log-ratio of t = h + Gaussian noise has this form with :math:`u(z) = z / \sigma`:
    :math:`\log p(t | h) = (h \cdot t - \frac12 |h|^2) / \sigma^2 + \ldots`, where :math:`b` stands for the terms in t
    alone. The product sums the weak evidence of all positions, which averages over positions lose. One matrix product
    scores all pairs of a batch.

    Args:
        shape: Shape of h and t, without the batch: channels, height, width.
        channels: Number of channels of u; fewer where its maps would have more than 2,048 values.
    """

    def __init__(self, shape: Sequence[int], channels: int = 32) -> None:
        super().__init__()
        kernel, stride, padding, sides = zip(*map(_layout, shape[1:]), strict=True)
        positions = math.prod(sides)
        channels = max(1, min(channels, MAX_FEATURES // positions))
        self.embed = nn.Conv2d(shape[0], channels, kernel, stride, padding)
        self.log_gain = nn.Parameter(torch.tensor(-0.5 * math.log(channels * positions)))
        self.heights = nn.Sequential(
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(HEIGHT_SIDE),
            nn.Flatten(),
            nn.Linear(channels * HEIGHT_SIDE**2, 2),
        )
        for parameter in self.heights[-1].parameters():
            nn.init.zeros_(parameter)

    def matrix(
        self,
        h: Float[Tensor, "n channels height width"],
        t: Float[Tensor, "m channels height width"],
    ) -> Float[Tensor, "n m"]:
        """Scores of every ``h`` with every ``t``."""
        maps = self.embed(torch.cat([h, t]))
        a_b = at_least_float32(self.heights(maps))
        u = at_least_float32(maps).flatten(1) * self.log_gain.exp()
        count = len(h)
        a = a_b[:count, :1] - 0.5 * u[:count].square().sum(1, keepdim=True)
        # a product of lower precision would not cancel with the square in a
        with float32_products(h.device):
            product = torch.addmm(a_b[count:, 1], u[:count], u[count:].T)
        return limited(product + a)

    def forward(
        self,
        h: Float[Tensor, "batch channels height width"],
        t: Float[Tensor, "batch channels height width"],
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, "batch others"]]:
        """Scores of the true pairs, and of every ``h`` with the ``t`` of every other pair.

        Args:
            h: Feature maps, ``(batch, channels, height, width)``.
            t: Noisy feature maps, in the same order.

        Returns:
            ``scores_joint``, ``(batch,)``, and ``scores_marginal``, ``(batch, batch - 1)``.
        """
        matrix = self.matrix(h, t)
        return matrix.diagonal(), off_diagonal(matrix)


def _layout(side: int) -> tuple[int, int, int, int]:
    """Kernel, stride and padding of a convolution along one side of a map, and the side of its output."""
    stride = math.ceil(side / SIDE)
    if stride < 3:
        return 3, stride, 1, (side - 1) // stride + 1
    # windows that cover the whole side, without overlap
    count = math.ceil(side / stride)
    return stride, stride, (count * stride - side + 1) // 2, count
