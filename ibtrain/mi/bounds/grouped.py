"""A bound read off any number of samples, a group of them at a time."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.bounds.pooled import BoundValue, Scores, add_blocks, bound_value_of, combined

__all__ = ["ScoreBlock", "read_groups", "value_of_groups"]


@dataclass(frozen=True)
class ScoreBlock(Scores):
    r"""Every x with every y of a group, for which only two vectors are kept of each matrix.

    With weights w of the samples, each x has the mean :math:`m_i = \sum_{j \ne i} w_j e^{g(s_{ij})} /
    \sum_{j \ne i} w_j` (or that of :math:`g(s_{ij})`), of which all bounds are functions: a matrix times a
    vector, and so is its derivative by w.

    Where the samples are all that x can be, one in as many pairs from the product of the marginals is a true
    one: with it counted :data:`~ibtrain.mi.bounds.registry.dv` bounds the information of x uniform over them, and can't
    exceed the logarithm of their number.

    Args:
        matrix: A score of every x with every y, the true pairs on the diagonal, ``(n, n)``.
        population: Of how many samples, among which x's own is one, the group's are a part; None
            counts other pairs alone. For the bounds with the logarithm of a mean.
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
        """The scores of the same critic times a number."""
        return ScoreBlock(scale * self.matrix, self.population)

    @property
    def _share_of_own(self) -> float:
        """What the true pair counts beside another, which stands for several of the population's."""
        return (len(self) - 1) / (self.population - 1) if self.population else 0.0

    def means(
        self, bound: Bound, log_weights: Float[Tensor, " n"] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Both means, of which the bound is a function."""
        log_weights = self._no_weights() if log_weights is None else log_weights
        weights = log_weights.exp()
        met = weights.sum() - weights
        log_rows = (log_weights + met.log()).log_softmax(dim=0)
        rows = self._row_means(bound, weights, met)
        term = bound.term(self.joint, rows, len(weights) - 1)
        mean_term = (log_weights.log_softmax(dim=0).exp() * term).sum()
        return mean_term, bound.mean(rows, log_rows)

    def _row_means(self, bound: Bound, weights: Tensor, met: Tensor) -> Tensor:
        """Mean over the other y of each x, whose weights sum to ``met``."""
        scores = bound.transform(self.matrix)
        # a copy that can be changed in place
        scores = scores.clone() if scores is self.matrix else scores
        if not bound.is_exponential:
            return scores.fill_diagonal_(0) @ weights / met
        share = self._share_of_own
        if share == 0:
            scores.fill_diagonal_(-math.inf)
        else:
            scores.diagonal().add_(math.log(share))
            met = met + share * weights
        top = scores.amax(dim=1, keepdim=True)
        means = scores.sub_(top).exp_() @ weights / met
        return means.log() + top.squeeze(1)


def value_of_groups(groups: Iterable[Scores], bound: Bound) -> float:
    """A bound over all groups of samples, as :func:`read_groups` has it, and nothing else.

    Args:
        groups: A critic's scores of each; drawn one by one, and let go.
        bound: Which.
    """

    def read(group: Scores) -> tuple[int, float, float]:
        return len(group), *group.values(bound)

    counts, mean_terms, mean_rows = zip(*map(read, groups), strict=True)
    return combined(bound, mean_terms, mean_rows, counts)[0]


def read_groups(
    groups: Iterable[Iterable[Scores]], bound: Bound, block: int = 1
) -> list[BoundValue]:
    r"""A bound over all groups of samples, for each of several critics.

    .. math:: V = f\Big(\sum_g \pi_g A_g,\ \log \sum_g \pi_g e^{R_g}\Big)

    for a group's share :math:`\pi_g` of the samples and its means :math:`A_g` and :math:`R_g`, of which the bound
    is the function f (see :class:`~ibtrain.mi.bounds.base.Bound`; the plain mean of :math:`R_g` where it is not
    exponential). Groups are independent, so that their errors add as such. What is kept of each group does
    not grow with it: influences are rotated into as few numbers as there are vectors of them.

    Args:
        groups: Of each group, its scores by every critic; drawn one by one, and let go.
        bound: Read off all of them.
        block: Consecutive samples that depend on each other; their influences are added up.

    Returns:
        A reading for each critic; one group's is its own.
    """

    kept = []
    for scored in groups:
        # a group is let go before the next is drawn, which a loop's variable would not do
        means, influences = _read(scored, bound)
        kept.append(_Kept.of(means, influences, block))
    if len(kept) == 1:
        pairs = zip(means, influences, strict=True)
        return [bound_value_of(bound, *pair).by_blocks(block) for pair in pairs]
    counts = [group.count for group in kept]
    rotated = torch.tensor([group.rotated for group in kept], dtype=torch.float64)
    readings = []
    for critic in range(len(means)):
        mean_terms = [group.mean_terms[critic] for group in kept]
        mean_rows = [group.mean_rows[critic] for group in kept]
        value, of_terms, of_rows = combined(bound, mean_terms, mean_rows, counts)
        terms, rows = rotated[:, :, 2 * critic], rotated[:, :, 2 * critic + 1]
        influence = of_terms.unsqueeze(1) * terms + of_rows.unsqueeze(1) * rows
        readings.append(BoundValue(value, influence.flatten()))
    return readings


def _read(
    scored: Iterable[Scores], bound: Bound
) -> tuple[list[tuple[float, float]], list[tuple[Tensor, Tensor]]]:
    """Both means of a group by each critic, and what each sample does to them."""
    means, influences = zip(*(scores.means_and_influences(bound) for scores in scored), strict=True)
    return list(means), list(influences)


@dataclass(frozen=True)
class _Kept:
    """What is kept of a group: its size, and by critic both means and what the samples do to them.

    The influences on both means are a column each. Plain numbers: small tensors would lie among the groups'
    large ones and hold the heap open between them (1.4 GB of holes after 350 groups, where there are now none).
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
    ) -> "_Kept":
        count = len(influences[0][0])
        columns = [add_blocks(vector, block) for pair in influences for vector in pair]
        triangle = torch.linalg.qr(torch.stack(columns, dim=1), mode="r").R
        # of fewer blocks than columns it has as many rows as blocks
        rotated = triangle.new_zeros(len(columns), len(columns))
        rotated[: len(triangle)] = triangle
        mean_terms, mean_rows = (list(values) for values in zip(*means, strict=True))
        return cls(count, mean_terms, mean_rows, rotated.tolist())
