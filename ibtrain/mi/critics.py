"""Critics: networks that score how likely a pair is to be a true one.

MINE calls such a network the statistics network.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["SCORE_LIMIT", "ClassCritic", "PairCritic", "derangement"]

SCORE_LIMIT = 20.0
"""Pair scores are squashed smoothly into this many nats either side of zero.

No sample certifies more than ln N nats, far below it for any N at hand; without the limit a single
outlier among the negatives can carry a whole batch's exponential mean.
"""


def derangement(
    count: int, generator: torch.Generator, device: torch.device
) -> Int[Tensor, " count"]:
    """A random permutation that is one single cycle, so that no index maps to itself.

    Permuting one side of a batch with it turns true pairs into samples from the product of the
    marginals, with no true pair left among them.

    Args:
        count: How many indices; at least 2.
        generator: Source of randomness, on ``device``.
        device: Where the permutation is made.

    Returns:
        The permutation, ``(count,)``.
    """
    order = torch.randperm(count, generator=generator, device=device)
    permutation = torch.empty_like(order)
    permutation[order] = order.roll(1)
    return permutation


def _dense(widths: Sequence[int]) -> list[nn.Module]:
    """ReLU before every linear layer: the tail of a network whose first layer is already applied."""
    layers: list[nn.Module] = []
    for dim_in, dim_out in pairwise(widths):
        layers += [nn.ReLU(inplace=True), nn.Linear(dim_in, dim_out)]
    return layers


class ClassCritic(nn.Sequential):
    """Scores every class at once.

    Maps ``(batch, dim_h)`` to ``(batch, num_classes)``: entry ``[n, c]`` scores the pair
    ``(h_n, c)``.

    Args:
        dim_h: Dimension of the representation.
        num_classes: Number of classes.
        hidden: Widths of the hidden layers; none makes the scores linear in h.
    """

    def __init__(self, dim_h: int, num_classes: int, hidden: Sequence[int] = (256,)) -> None:
        first, *rest = [*hidden, num_classes]
        super().__init__(nn.Linear(dim_h, first), *_dense([first, *rest]))


class PairCritic(nn.Module):
    """Scores pairs of continuous vectors.

    The first layer of a network that reads the concatenation ``[x, t]`` is the sum of a linear map
    of ``x`` and one of ``t``. Both are computed once per sample and paired afterwards, so that
    negatives cost no further product with the inputs. Scores stay within :data:`SCORE_LIMIT`.

    Args:
        dim_x: Dimension of the first vector.
        dim_t: Dimension of the second vector.
        hidden: Widths of the hidden layers, the split one first.
        same_space: t is x with noise on it: the first layer then starts as a map of ``x - t``,
            by which true pairs are told from others, and is free to leave that start.
    """

    def __init__(
        self, dim_x: int, dim_t: int, hidden: Sequence[int] = (256,), *, same_space: bool = False
    ) -> None:
        super().__init__()
        self.embed_x = nn.Linear(dim_x, hidden[0])
        self.embed_t = nn.Linear(dim_t, hidden[0], bias=False)
        if same_space:
            with torch.no_grad():
                self.embed_t.weight.copy_(-self.embed_x.weight)
        self.tail = nn.Sequential(*_dense([*hidden, 1]))

    def score(
        self, embedded_x: Float[Tensor, "pairs width"], embedded_t: Float[Tensor, "pairs width"]
    ) -> Float[Tensor, " pairs"]:
        """Scores of already embedded pairs.

        Args:
            embedded_x: ``embed_x(x)``, ``(pairs, width)``.
            embedded_t: ``embed_t(t)``, ``(pairs, width)``.

        Returns:
            A score per pair, ``(pairs,)``.
        """
        scores: Tensor = self.tail(embedded_x + embedded_t)
        return SCORE_LIMIT * torch.tanh(scores.squeeze(1) / SCORE_LIMIT)

    def forward(
        self,
        x: Float[Tensor, "batch dim_x"],
        t: Float[Tensor, "batch dim_t"],
        permutation: Int[Tensor, " batch"],
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Scores of the true pairs, and of the pairs that ``permutation`` makes.

        Args:
            x: First vectors, ``(batch, dim_x)``.
            t: Second vectors, ``(batch, dim_t)``.
            permutation: Which ``t`` each ``x`` meets in the product of the marginals, ``(batch,)``.

        Returns:
            ``scores_joint`` and ``scores_marginal``, each ``(batch,)``.
        """
        embedded_x, embedded_t = self.embed_x(x), self.embed_t(t)
        scores = self.score(
            torch.cat([embedded_x, embedded_x]),
            torch.cat([embedded_t, embedded_t.index_select(0, permutation)]),
        )
        scores_joint, scores_marginal = scores.chunk(2)
        return scores_joint, scores_marginal
