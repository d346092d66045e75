"""Evaluates a bound on any number of samples, one group at a time."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.backend.exchange import share_out
from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.bounds.pooled import BoundValue, Scores, add_blocks, bound_value_of, combined

__all__ = ["ScoreBlock", "read_groups", "value_of_groups"]


@dataclass(frozen=True)
class ScoreBlock(Scores):
    r"""Scores of every x with every y of a group.

    With weights w of the samples, each x has the mean :math:`m_i = \sum_{j \ne i} w_j e^{g(s_{ij})} /
    \sum_{j \ne i} w_j` (or the mean of :math:`g(s_{ij})`), and all bounds are functions of these means. They are
    the product of a matrix and a vector, and so is their derivative with respect to w.

    If x is uniform over a population of N samples, one in N pairs from the product of the marginals is a true
    pair. If these pairs are counted, :data:`~ibtrain.mi.bounds.registry.dv` is a bound on the information of
    this x and can't exceed :math:`\log N`.

    Args:
        matrix: Score of every x with every y, ``(n, n)``; the true pairs are on the diagonal.
        population: Size of the population of which the group is a part; true pairs are then counted in the product
            of the marginals, for bounds with the logarithm of a mean. None counts other pairs only.
    """

    matrix: Float[Tensor, "n n"]
    population: int | None = None

    @property
    def joint(self) -> Float[Tensor, " n"]:
        """Scores of true pairs."""
        return self.matrix.diagonal()

    def __len__(self) -> int:
        return len(self.matrix)

    def _no_weights(self) -> Float[Tensor, " n"]:
        return torch.zeros_like(self.joint)

    def scaled(self, scale: float) -> "ScoreBlock":
        """Returns the scores multiplied by a number."""
        return ScoreBlock(scale * self.matrix, self.population)

    @property
    def _true_pair_weight(self) -> float:
        """Weight of a true pair relative to any other pair, which represents several pairs of the population."""
        return (len(self) - 1) / (self.population - 1) if self.population else 0.0

    def means(
        self, bound: Bound, log_weights: Float[Tensor, " n"] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Computes both means of which the bound is a function."""
        log_weights = self._no_weights() if log_weights is None else log_weights
        weights = log_weights.exp()
        totals = weights.sum() - weights
        log_rows = (log_weights + totals.log()).log_softmax(dim=0)
        rows = self._row_means(bound, weights, totals)
        term = bound.term(self.joint, rows, len(weights) - 1)
        mean_term = (log_weights.log_softmax(dim=0).exp() * term).sum()
        return mean_term, bound.mean(rows, log_rows)

    def _row_means(self, bound: Bound, weights: Tensor, totals: Tensor) -> Tensor:
        """Computes the mean over the other y of each x, whose weights sum to ``totals``."""
        scores = bound.transform(self.matrix)
        # copied, as it is changed in place
        scores = scores.clone() if scores is self.matrix else scores
        if not bound.is_exponential:
            return scores.fill_diagonal_(0) @ weights / totals
        weight = self._true_pair_weight
        if weight == 0:
            scores.fill_diagonal_(-math.inf)
        else:
            scores.diagonal().add_(math.log(weight))
            totals = totals + weight * weights
        top = scores.amax(dim=1, keepdim=True)
        means = scores.sub_(top).exp_() @ weights / totals
        return means.log() + top.squeeze(1)


def value_of_groups(groups: Iterable[Iterable[Scores]], bound: Bound) -> float:
    """Evaluates a bound over all groups of samples as :func:`read_groups` does, without a standard error.

    Several processes (:func:`~ibtrain.data_parallel`) take turns with the groups.

    Args:
        groups: Scores of each group by one critic; generated one by one, and not kept.
        bound: Bound to evaluate.
    """

    def count_and_means(group: Iterable[Scores]) -> tuple[int, float, float]:
        (scores,) = group
        return len(scores), *scores.values(bound)

    counts, mean_terms, mean_rows = zip(*share_out(count_and_means, groups), strict=True)
    return combined(bound, mean_terms, mean_rows, counts)[0]


def read_groups(
    groups: Iterable[Iterable[Scores]], bound: Bound, block: int = 1
) -> list[BoundValue]:
    r"""Evaluates a bound over all groups of samples, for each of several critics.

    .. math:: V = f\Big(\sum_g \pi_g A_g,\ \log \sum_g \pi_g e^{R_g}\Big)

    for a group's share :math:`\pi_g` of the samples and its means :math:`A_g` and :math:`R_g`, where the bound is
    the function f of both means (see :class:`~ibtrain.mi.bounds.base.Bound`; if it is not exponential, the mean of
    :math:`R_g` is a plain mean). Groups are independent, so that their squared errors add. The memory for a group
    does not depend on its size: a rotation reduces the influence vectors to as many entries as there are vectors.

    Several processes (:func:`~ibtrain.data_parallel`) take turns with the groups, and all of them have the values of one.

    Args:
        groups: Scores of each group by every critic, computed when they are asked for; generated one by one, and not kept.
        bound: Bound to evaluate.
        block: Number of consecutive samples that depend on each other; their influences are summed.

    Returns:
        The value and the influences for each critic; with a single group, the influences of its samples.
    """

    def summary_of(group: Iterable[Scores]) -> _GroupSummary:
        return _GroupSummary.of(*_means_and_influences(group, bound), block)

    remaining = iter(groups)
    first = next(remaining)
    others = list(islice(remaining, 1))
    if not others:
        means, influences = _means_and_influences(first, bound)
        pairs = zip(means, influences, strict=True)
        return [bound_value_of(bound, *pair).by_blocks(block) for pair in pairs]
    summaries = share_out(summary_of, chain([first], others, remaining))
    counts = [group.count for group in summaries]
    rotated = torch.tensor([group.rotated for group in summaries], dtype=torch.float64)
    bound_values = []
    for critic in range(len(summaries[0].mean_terms)):
        mean_terms = [group.mean_terms[critic] for group in summaries]
        mean_rows = [group.mean_rows[critic] for group in summaries]
        value, slopes_terms, slopes_rows = combined(bound, mean_terms, mean_rows, counts)
        terms, rows = rotated[:, :, 2 * critic], rotated[:, :, 2 * critic + 1]
        influence = slopes_terms.unsqueeze(1) * terms + slopes_rows.unsqueeze(1) * rows
        bound_values.append(BoundValue(value, influence.flatten()))
    return bound_values


def _means_and_influences(
    group: Iterable[Scores], bound: Bound
) -> tuple[list[tuple[float, float]], list[tuple[Tensor, Tensor]]]:
    """Computes both means of a group, and the influences of its samples on them, for each critic."""
    means, influences = zip(*(scores.means_and_influences(bound) for scores in group), strict=True)
    return list(means), list(influences)


@dataclass(frozen=True)
class _GroupSummary:
    """Summary of a group: its size, and for each critic both means and the rotated influences on them.

    Each column of ``rotated`` belongs to one mean of one critic. The values are Python numbers, because small
    tensors allocated between the groups' large tensors would fragment the heap (1.4 GB of holes after 350 groups).
    """

    count: int
    mean_terms: list[float]
    mean_rows: list[float]
    rotated: list[list[float]]

    @classmethod
    def of(
        cls,
        means: Sequence[tuple[float, float]],
        influences: Sequence[tuple[Tensor, Tensor]],
        block: int,
    ) -> "_GroupSummary":
        count = len(influences[0][0])
        columns = [add_blocks(vector, block) for pair in influences for vector in pair]
        triangle = torch.linalg.qr(torch.stack(columns, dim=1), mode="r").R
        # with fewer blocks than columns the triangle has only as many rows as blocks
        rotated = triangle.new_zeros(len(columns), len(columns))
        rotated[: len(triangle)] = triangle
        mean_terms, mean_rows = (list(values) for values in zip(*means, strict=True))
        return cls(count, mean_terms, mean_rows, rotated.tolist())
