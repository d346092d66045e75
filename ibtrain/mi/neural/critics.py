"""Critics: networks that score how likely a pair is to come from the joint distribution.

The MINE paper calls such a network the statistics network.
"""

from collections.abc import Sequence
from itertools import islice, pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import threshold

from ibtrain.backend.precision import at_least_float32
from ibtrain.mi.bounds.pooled import off_diagonal, shifted_columns

__all__ = [
    "SCORE_LIMIT",
    "ClassCritic",
    "DistanceCritic",
    "PairCritic",
    "SeparableCritic",
    "limited",
]

SCORE_LIMIT = 20.0
"""Largest absolute value of a pair score, in nats; scores approach it smoothly (tanh).

N samples cannot certify more than ln N nats, which is far below this limit for every practical N. Without the
limit, a single outlier among the negatives can dominate the exponential mean of a batch.
"""

SCORE_FLOOR = -60.0
"""Smallest score of a negative pair; lower scores are replaced by it. An exponential that underflows takes ten to
forty times as long on a CPU."""

MAX_CACHED_UNITS = 1 << 18
"""Hidden units of pairs that are computed at once: more do not fit into a CPU's cache, and take twice as long."""


def _dense(widths: Sequence[int]) -> list[nn.Module]:
    """Linear layers with a ReLU before each: the rest of a network whose first layer is already applied."""
    layers: list[nn.Module] = []
    for dim_in, dim_out in pairwise(widths):
        layers += [nn.ReLU(inplace=True), nn.Linear(dim_in, dim_out)]
    return layers


class ClassCritic(nn.Sequential):
    """Scores all classes at once.

    Maps ``(batch, dim_h)`` to ``(batch, num_classes)``: entry ``[n, c]`` scores the pair
    ``(h_n, c)``.

    Args:
        dim_h: Dimension of the representation.
        num_classes: Number of classes.
        hidden: Widths of the hidden layers; an empty sequence makes the scores linear in h.
        zero_start: Whether all scores are zero before training.
    """

    def __init__(
        self,
        dim_h: int,
        num_classes: int,
        hidden: Sequence[int] = (256,),
        *,
        zero_start: bool = False,
    ) -> None:
        first, *rest = [*hidden, num_classes]
        super().__init__(nn.Linear(dim_h, first), *_dense([first, *rest]))
        if zero_start:
            _set_to_zero(self[-1])


class PairCritic(nn.Module):
    """Scores pairs of continuous vectors.

    The first layer of a network that reads the concatenation ``[x, t]`` is the sum of a linear map
    of ``x`` and one of ``t``. Both are computed once per sample and paired afterwards, so that
    negatives need no further product with the inputs. Scores stay within :data:`SCORE_LIMIT`.

    Args:
        dim_x: Dimension of the first vector.
        dim_t: Dimension of the second vector.
        hidden: Widths of the hidden layers; the first one is the layer that is split.
        same_space: Whether t is x plus noise. The first layer is then initialised as a map of ``x - t``,
            which distinguishes true pairs from others; its weights are trained freely.
        zero_start: Whether all scores are zero before training.
    """

    def __init__(
        self,
        dim_x: int,
        dim_t: int,
        hidden: Sequence[int] = (256,),
        *,
        same_space: bool = False,
        zero_start: bool = False,
    ) -> None:
        super().__init__()
        self.embed_x = nn.Linear(dim_x, hidden[0])
        self.embed_t = nn.Linear(dim_t, hidden[0], bias=False)
        if same_space:
            with torch.no_grad():
                self.embed_t.weight.copy_(-self.embed_x.weight)
        self.tail = nn.Sequential(*_dense([*hidden, 1]))
        if zero_start:
            _set_to_zero(self.tail[-1])

    def matrix(
        self, x: Float[Tensor, "n dim_x"], t: Float[Tensor, "m dim_t"]
    ) -> Float[Tensor, "n m"]:
        """Scores of every ``x`` with every ``t``."""
        embedded_x, embedded_t = self.embed_x(x), self.embed_t(t)
        rows = max(1, MAX_CACHED_UNITS // embedded_t.numel())
        blocks = [self.tail(block.unsqueeze(1) + embedded_t) for block in embedded_x.split(rows)]
        return limited(torch.cat(blocks).squeeze(-1))

    def shifted(
        self, x: Float[Tensor, "n dim_x"], t: Float[Tensor, "n dim_t"], shifts: Sequence[int]
    ) -> Float[Tensor, "n shifts"]:
        """Scores of every ``x`` with the ``t`` at each cyclic shift: ``x[i]`` with ``t[(i + shift) % n]``."""
        embedded_x, embedded_t = self.embed_x(x), self.embed_t(t)
        # `roll` copies even for a shift of zero
        shifted = (embedded_t.roll(-shift, 0) if shift else embedded_t for shift in shifts)
        paired = (embedded_x + embedded for embedded in shifted)
        chunk = max(1, MAX_CACHED_UNITS // embedded_t.numel())
        blocks: list[Tensor] = []
        while hidden := list(islice(paired, chunk)):
            blocks.append(self.tail(torch.cat(hidden)))
        return limited(torch.cat(blocks).view(len(shifts), len(x))).T

    def forward(
        self,
        x: Float[Tensor, "batch dim_x"],
        t: Float[Tensor, "batch dim_t"],
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Scores of the true pairs, and of pairs from the product of the marginals.

        Each ``x`` is paired with the next ``t``, and the last one with the first. This permutation contains
        no true pair, and it is random if the order of the batch is: no random numbers are needed.

        Args:
            x: First vectors, ``(batch, dim_x)``, in random order.
            t: Second vectors, ``(batch, dim_t)``, in the same order.

        Returns:
            ``scores_joint`` and ``scores_marginal``, each ``(batch,)``.
        """
        scores_joint, scores_marginal = self.shifted(x, t, (0, 1)).unbind(1)
        return scores_joint, scores_marginal


class SeparableCritic(nn.Module):
    r"""Scores every x with every y by one product, :math:`f(x)^\top g(y) + a(x) + b(y)`.

    A batch of n pairs has n (n - 1) negatives, which cost only 2 n evaluations. The log-ratio of
    jointly Gaussian vectors has this form, with quadratic a and b. It approximates any other log-ratio,
    with an accuracy that grows with the dimension of the embedding. Scores start at zero and stay within
    :data:`SCORE_LIMIT`.

    Args:
        dim_x: Dimension of the first vector.
        dim_y: Dimension of the second vector.
        hidden: Widths of the hidden layers of both networks.
        embedding: Dimension of f and g.

    References:
        Poole et al. (arXiv 1905.06922), section 2.4.
    """

    def __init__(
        self, dim_x: int, dim_y: int, hidden: Sequence[int] = (128, 128), embedding: int = 32
    ) -> None:
        super().__init__()
        self.embed_x = _smooth([dim_x, *hidden, embedding + 1])
        self.embed_y = _smooth([dim_y, *hidden, embedding + 1])
        self.gains = nn.Parameter(torch.zeros(embedding + 2))

    def matrix(
        self, x: Float[Tensor, "n dim_x"], y: Float[Tensor, "m dim_y"]
    ) -> Float[Tensor, "n m"]:
        """Scores of every ``x`` with every ``y``."""
        f, g = self.embed_x(x), self.embed_y(y)
        product = (f[:, 1:] * self.gains[2:]) @ g[:, 1:].T
        return limited(product + self.gains[0] * f[:, :1] + self.gains[1] * g[:, :1].T)

    def shifted(
        self, x: Float[Tensor, "n dim_x"], y: Float[Tensor, "n dim_y"], shifts: Sequence[int]
    ) -> Float[Tensor, "n shifts"]:
        """Scores of every ``x`` with the ``y`` at each cyclic shift: ``x[i]`` with ``y[(i + shift) % n]``."""
        return shifted_columns(self.matrix(x, y), shifts)


class DistanceCritic(nn.Module):
    r"""Scores a vector and a noisy copy by their distance, :math:`a(x) + b(t) - \frac12 |u(x) - u(t)|^2`.

    :math:`u(z) = W z + f(z)`, where W is a matrix initialised as the identity and f a network initialised as zero,
    which also computes a and b: before training, vectors that are near count as true pairs. The log-ratio of
    t = x + Gaussian noise has this form. One matrix product scores all pairs of a batch. No score exceeds
    :data:`SCORE_LIMIT`.

    Args:
        dim: Dimension of both vectors; their coordinates should have about unit variance.
        hidden: Widths of the hidden layers of f.
    """

    def __init__(self, dim: int, hidden: Sequence[int] = (64,)) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.linear.weight)
        self.residual = ClassCritic(dim, dim + 2, hidden, zero_start=True)

    def matrix(self, x: Float[Tensor, "n dim"], t: Float[Tensor, "m dim"]) -> Float[Tensor, "n m"]:
        """Scores of every ``x`` with every ``t``."""
        both = torch.cat([x, t])
        residual: Tensor = self.residual(both)
        u: Tensor = self.linear(both) + residual[:, 2:]
        heights = limited(residual[:, :2], SCORE_LIMIT / 2) - 0.5 * u.square().sum(1, keepdim=True)
        count = len(x)
        scores = torch.addmm(heights[count:, 1], u[:count], u[count:].T)
        return scores + heights[:count, :1]

    def forward(
        self, x: Float[Tensor, "batch dim"], t: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, "batch others"]]:
        """Scores of the true pairs, and of every ``x`` with the ``t`` of every other pair.

        Args:
            x: First vectors, ``(batch, dim)``.
            t: Second vectors, ``(batch, dim)``, in the same order.

        Returns:
            ``scores_joint``, ``(batch,)``, and ``scores_marginal``, ``(batch, batch - 1)``.
        """
        matrix = self.matrix(x, t)
        # `threshold` has a faster backward pass than `clamp_min`
        return matrix.diagonal(), off_diagonal(threshold(matrix, SCORE_FLOOR, SCORE_FLOOR))


def _set_to_zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def _smooth(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for dim_in, dim_out in pairwise(widths):
        layers += [nn.Linear(dim_in, dim_out), nn.GELU()]
    return nn.Sequential(*layers[:-1])


def limited(scores: Tensor, limit: float = SCORE_LIMIT) -> Tensor:
    """Scores whose absolute values stay below a limit, in float32 or better."""
    return limit * torch.tanh(at_least_float32(scores) / limit)
