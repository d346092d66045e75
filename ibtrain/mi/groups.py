"""A bound read off any number of samples, a group of them at a time."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from ibtrain.mi.bounds import CLIP, Weights, dv, infonce, js, smile
from ibtrain.mi.pool import Bound, Reading, ScorePool

__all__ = ["Group", "PairGroup", "add_blocks", "read_groups", "value_of_groups"]

LOGARITHMIC = (dv, smile)
"""Bounds with the logarithm of a mean: of groups, the means are averaged, not the values."""


@dataclass(frozen=True)
class PairGroup:
    r"""Every x with every y of a group, for which only two vectors are kept of each matrix.

    With weights w of the samples, each x has the mean :math:`m_i = \sum_{j \ne i} w_j e^{s_{ij}} /
    \sum_{j \ne i} w_j`, of which all bounds are functions: a matrix times a vector, and so is its
    derivative by w. A :class:`~ibtrain.mi.pool.ScorePool` says the same of any choice of pairs, and takes
    several times as long and as much memory.

    Where the samples are all that x can be, one in as many pairs from the product of the marginals is a true
    one: with it counted :func:`~ibtrain.mi.bounds.dv` bounds the information of x uniform over them, and can't exceed
    the logarithm of their number.

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

    def scaled(self, scale: float) -> "PairGroup":
        """The scores of the same critic times a number."""
        return PairGroup(scale * self.matrix, self.population)

    def value(self, bound: Bound) -> float:
        """The bound over the group."""
        return self._weighted(bound, torch.zeros_like(self.joint)).item()

    def value_and_influence(self, bound: Bound) -> Reading:
        """As :meth:`~ibtrain.mi.pool.ScorePool.value_and_influence`."""
        log_weights = torch.zeros_like(self.joint, requires_grad=True)
        with torch.enable_grad():
            value = self._weighted(bound, log_weights)
            (influence,) = torch.autograd.grad(value, log_weights)
        count = len(influence)
        return Reading(value.item(), influence * math.sqrt(count / (count - 1)))

    @property
    def _share_of_own(self) -> float:
        """What the true pair counts beside another, which stands for several of the population's."""
        return (len(self.matrix) - 1) / (self.population - 1) if self.population else 0.0

    def _weighted(self, bound: Bound, log_weights: Tensor) -> Tensor:
        joint, weights = self.joint, log_weights.exp()
        met = weights.sum() - weights
        log_joint = log_weights.log_softmax(dim=0)
        log_x = (log_weights + met.log()).log_softmax(dim=0)
        if bound is js:
            means = softplus(self.matrix).fill_diagonal_(0) @ weights / met
            return -(log_joint.exp() * softplus(-joint)).sum() - (log_x.exp() * means).sum()
        scores = self.matrix.clamp(-CLIP, CLIP) if bound is smile else self.matrix.clone()
        share = self._share_of_own
        if share == 0:
            scores.fill_diagonal_(-math.inf)
        else:
            scores.diagonal().add_(math.log(share))
            met = met + share * weights
        top = scores.amax(dim=1, keepdim=True)
        means = scores.sub_(top).exp_() @ weights / met
        log_means = means.log() + top.squeeze(1)
        if bound is infonce:
            others = len(joint) - 1
            candidates = torch.logaddexp(joint, log_means + math.log(others))
            return (log_joint.exp() * (joint - candidates)).sum() + math.log(others + 1)
        # what is clipped needs no second clipping, which would cut rounded means off their gradient
        bound = dv if bound is smile else bound
        return bound(joint, log_means.unsqueeze(1), Weights(log_joint, log_x.unsqueeze(1)))


Group = ScorePool | PairGroup
"""A critic's scores of a group of samples."""


def value_of_groups(groups: Iterable[Group], bound: Bound) -> float:
    """A bound over all groups of samples, as :func:`read_groups` has it, and nothing else.

    Args:
        groups: A critic's scores of each; drawn one by one, and let go.
        bound: Read off all of them.
    """

    def read(group: Group) -> tuple[int, float, float]:
        return len(group.joint), group.joint.mean().item(), group.value(bound)

    terms = map(read, groups)
    counts, joint, values = (
        torch.tensor(part, dtype=torch.float64) for part in zip(*terms, strict=True)
    )
    return _Means(counts / counts.sum(), joint, values, bound).value


def read_groups(groups: Iterable[Iterable[Group]], bound: Bound, block: int = 1) -> list[Reading]:
    r"""A bound over all groups of samples, for each of several critics.

    .. math:: V = \sum_g \pi_g A_g - \log \sum_g \pi_g Z_g

    for a group's share :math:`\pi_g` of the samples, its mean joint score :math:`A_g` and its
    partition :math:`Z_g`, where the bound has a logarithm; the mean of the groups' values where it
    has none. Groups are independent, so that their errors add as such. What is kept of each group does
    not grow with it: influences are rotated into as few numbers as there are vectors of them.

    Args:
        groups: Of each group, its scores by every critic; drawn one by one, and let go.
        bound: Read off all of them.
        block: Consecutive samples that depend on each other; their influences are added up.

    Returns:
        A reading for each critic; one group's is its own.
    """

    def read(group: Group) -> tuple[Reading, Tensor]:
        return group.value_and_influence(bound), group.joint.clone()

    kept = []
    for scored in groups:
        # a group is let go before the next is drawn, which a loop's variable would not do
        readings, joints = zip(*map(read, scored), strict=True)
        kept.append(_Kept.of(readings, torch.stack(joints), block))
    if len(kept) == 1:
        return [Reading(value, add_blocks(influence, block)) for value, influence in readings]
    counts = torch.tensor([own.count for own in kept], dtype=torch.float64)
    shares = counts / counts.sum()
    joint, values, rotated = (
        torch.tensor([getattr(own, name) for own in kept], dtype=torch.float64).movedim(0, -1)
        for name in ("joint", "values", "rotated")
    )
    found = []
    for critic in range(len(values)):
        means = _Means(shares, joint[critic], values[critic], bound)
        own, of_joint = rotated[:, 2 * critic], rotated[:, 2 * critic + 1]
        influence = shares * (of_joint + means.slopes * (own - of_joint))
        found.append(Reading(means.value, influence.flatten()))
    return found


def add_blocks(influence: Float[Tensor, " n"], block: int) -> Tensor:
    r"""The influences of blocks of consecutive samples, whose sum of squares is the variance.

    Samples within a block may depend on each other; blocks are taken as independent. b blocks' sums are
    multiplied by :math:`\sqrt{b / (b - 1)}`.

    Args:
        influence: What each sample does to a value, in order, ``(n,)``.
        block: Samples of a block; the last one may be shorter. 1 changes nothing.

    References:
        Künsch, The jackknife and the bootstrap for general stationary observations (1989).
    """
    if block == 1:
        return influence
    sums = torch.stack([part.sum() for part in influence.split(block)])
    return sums * math.sqrt(len(sums) / max(1, len(sums) - 1))


@dataclass(frozen=True)
class _Means:
    """Groups' shares of the samples, mean joint scores and values, which together give the bound's."""

    shares: Float[Tensor, " groups"]
    joint: Float[Tensor, " groups"]
    values: Float[Tensor, " groups"]
    bound: Bound

    @property
    def is_plain(self) -> bool:
        return self.bound not in LOGARITHMIC or len(self.values) == 1

    @property
    def log_mean(self) -> Tensor:
        return (self.shares.log() + self.joint - self.values).logsumexp(dim=0)

    @property
    def value(self) -> float:
        if self.is_plain:
            return (self.shares @ self.values).item()
        return (self.shares @ self.joint - self.log_mean).item()

    @property
    def slopes(self) -> Tensor:
        """How much more each group's partition counts than its share of the samples does."""
        if self.is_plain:
            return torch.ones_like(self.shares)
        return (self.joint - self.values - self.log_mean).exp()


@dataclass(frozen=True)
class _Kept:
    """What is kept of a group: its size, and by critic mean joint score, value and influence.

    The influences, on the value and on the mean joint score, are a column each. Plain numbers: small
    tensors would lie among the groups' large ones and hold the heap open between them (1.4 GB of holes
    after 350 groups, where there are now none).
    """

    count: int
    joint: list[float]
    values: list[float]
    rotated: list[list[float]]

    @classmethod
    def of(
        cls, readings: Sequence[Reading], joint: Float[Tensor, "critics n"], block: int
    ) -> "_Kept":
        count, means = joint.shape[1], joint.mean(dim=1)
        of_joint = (joint - means.unsqueeze(1)) / math.sqrt(count * (count - 1))
        columns = [
            add_blocks(vector, block)
            for reading, centred in zip(readings, of_joint, strict=True)
            for vector in (reading.influence, centred)
        ]
        triangle = torch.linalg.qr(torch.stack(columns, dim=1), mode="r").R
        # of fewer blocks than columns it has as many rows as blocks
        rotated = triangle.new_zeros(len(columns), len(columns))
        rotated[: len(triangle)] = triangle
        values = [reading.value for reading in readings]
        return cls(count, means.tolist(), values, rotated.tolist())
