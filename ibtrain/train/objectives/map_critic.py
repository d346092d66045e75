"""A pair critic of feature maps that reads every position."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.backend.precision import at_least_float32
from ibtrain.mi.neural.critics import SCORE_LIMIT

__all__ = ["MapPairCritic"]


class MapPairCritic(nn.Module):
    r"""Scores a feature map and a noisy copy by their distance, :math:`a(h) + b(t) - \frac12 |u(h) - u(t)|^2`.

    u is a 1 x 1 convolution, and a and b are linear in the sums of u and of its squares over all positions. The log-ratio of
    independent Gaussian positions with Gaussian noise has this form. Pairs share their convolutions, and scores stay within
    :data:`~ibtrain.mi.neural.critics.SCORE_LIMIT`.

    Args:
        shape: ``(channels, height, width)`` of h and of t.
        width: Maximum number of channels of u.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        channels, height, width_of_map = shape
        width = min(width, channels)
        self.positions = height * width_of_map
        self.embed = nn.Conv2d(channels, width, 1, bias=False)
        with torch.no_grad():
            # before training, u keeps distances, but for a factor with which scores are far from their limit
            nn.init.orthogonal_(
                self.embed.weight[:, :, 0, 0], gain=1 / math.sqrt(width * self.positions)
            )
        self.heights = nn.Linear(2 * width, 2)
        nn.init.zeros_(self.heights.weight)
        nn.init.zeros_(self.heights.bias)

    def forward(
        self, h: Float[Tensor, "batch *shape"], t: Float[Tensor, "batch *shape"]
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Scores of the true pairs, and of each h with the t of the next sample.

        Args:
            h: Feature maps, in random order.
            t: The same maps with noise.
        """
        u = at_least_float32(self.embed(torch.cat([h, t]))).flatten(2)
        sums = u.sum(2) / math.sqrt(self.positions)
        squares = u.square().sum(2)
        a, b = self.heights(torch.cat([sums, squares], dim=1)).unbind(1)
        u_h, u_t = u.tensor_split(2)
        # |u - v|^2 without a further map in memory for each pair
        half = 0.5 * squares.sum(1)
        x, y = a[: len(h)] - half[: len(h)], b[len(h) :] - half[len(h) :]
        scores_joint = x + y + (u_h * u_t).sum((1, 2))
        scores_marginal = x + y.roll(-1) + (u_h * u_t.roll(-1, 0)).sum((1, 2))
        return _limited(scores_joint), _limited(scores_marginal)


def _limited(scores: Tensor) -> Tensor:
    return SCORE_LIMIT * torch.tanh(at_least_float32(scores) / SCORE_LIMIT)
