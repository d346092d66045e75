r"""The variational bounds on mutual information, evaluated on critic scores.

A *joint* score is the critic's value on a true pair, a *marginal* score its value on a pair drawn from the
product of the marginals. Each bound is largest where the critic is the log-ratio
:math:`\log p(x, y) / p(x) p(y)` (for :data:`dv`, :data:`infonce` and :data:`likelihood` up to a constant).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ibtrain.mi.bounds.base import Bound, Loss, Weights
from ibtrain.mi.bounds.training import tuba
from ibtrain.mi.neural.average import LogAverage

__all__ = ["BOUNDS", "EMA_RATE", "dv", "infonce", "js", "likelihood", "nwj", "smile"]

EMA_RATE = 0.1
"""Weight of the newest batch in the running average of MINE's partition function."""
STEEPEST = 50.0
"""Log-partition above which :data:`nwj` is replaced by its tangent."""


@dataclass(frozen=True)
class DonskerVaradhan(Bound):
    r"""Donsker-Varadhan lower bound, :math:`E_{p(x,y)}[s] - \log E_{p(x)p(y)}[e^s]`.

    Its critic ascends :func:`tuba` at a running average of the partition function: MINE's corrected gradient.

    References:
        Donsker & Varadhan 1983; MINE (arXiv 1801.04062), eq. 5 and 12.
    """

    summary = "Donsker-Varadhan bound, its gradient corrected by a running average"

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        return mean_term - mean_rows

    def loss(self, device: torch.device) -> Loss:
        average = LogAverage(EMA_RATE).to(device)

        def corrected(joint: Tensor, marginal: Tensor, weights: Weights) -> Tensor:
            _, newest = self.means(joint.detach(), marginal.detach(), weights)
            return tuba(joint, marginal, average.update(newest), weights)

        return corrected


@dataclass(frozen=True)
class NguyenWainwrightJordan(Bound):
    r"""Nguyen-Wainwright-Jordan lower bound, :math:`1 + E_{p(x,y)}[s] - E_{p(x)p(y)}[e^s]`.

    In the source's words :math:`E[f] - e^{-1} E[e^f]` with :math:`f = 1 + s`, so that the best s is the log-ratio
    itself. Where the mean exceeds :math:`e^{50}` its tangent replaces the exponential: a bound still (the value
    stays below :data:`dv`), with finite gradients.

    References:
        Poole et al. (arXiv 1905.06922), eq. 5 and 6.
    """

    summary = "Nguyen-Wainwright-Jordan bound"

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        excess = (mean_rows - STEEPEST).clamp_min(0)
        mean = mean_rows.clamp_max(STEEPEST).exp() + math.exp(STEEPEST) * excess
        return 1 + mean_term - mean


@dataclass(frozen=True)
class JensenShannon(Bound):
    r"""Jensen-Shannon bound, :math:`-E_{p(x,y)}[\log(1 + e^{-s})] - E_{p(x)p(y)}[\log(1 + e^s)]`.

    A well-behaved objective for a critic: its optimum is the log-ratio, its gradients are bounded. The value
    bounds :math:`2 \mathrm{JS} - \log 4`, not the mutual information, which is read off the critic by
    :data:`nwj` (method ``js``) or :data:`smile`.

    References:
        Nowozin et al. (arXiv 1606.00709), table 2; Poole et al. (arXiv 1905.06922), section 2.1.
    """

    is_exponential = False

    def transform(self, scores: Tensor) -> Tensor:
        return softplus(scores)

    def term(self, joint: Tensor, rows: Tensor, others: int) -> Tensor:
        return -softplus(-joint)

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        return mean_term - mean_rows


@dataclass(frozen=True)
class OfJensenShannonCritic(NguyenWainwrightJordan):
    """:data:`nwj` of a critic that ascends :data:`js`."""

    summary = "NWJ bound of a critic trained on the Jensen-Shannon bound"

    @property
    def selection(self) -> Bound:
        return js


@dataclass(frozen=True)
class Smile(Bound):
    r"""SMILE, :math:`E_{p(x,y)}[s] - \log E_{p(x)p(y)}[e^{\mathrm{clip}(s, -\tau, \tau)}]`.

    Clipping trades the variance of the exponential's mean for a bias, either way: this is an estimate and no
    bound. Its critic ascends :data:`js`.

    Args:
        clip: :math:`\tau`, in nats.

    References:
        SMILE (arXiv 1910.06222), eq. 12.
    """

    summary = "clipped Donsker-Varadhan estimate of a critic trained on JS"

    clip: float = 5.0

    def transform(self, scores: Tensor) -> Tensor:
        return scores.clamp(-self.clip, self.clip)

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        return mean_term - mean_rows

    @property
    def selection(self) -> Bound:
        return js


@dataclass(frozen=True)
class InfoNCE(Bound):
    r"""InfoNCE, the log-likelihood of finding each true pair among k others.

    .. math:: E \log \frac{e^{s_i}}{\frac{1}{k+1} \left(e^{s_i} + \sum_j e^{s_{ij}}\right)}

    A lower bound of low variance that can't exceed :math:`\log(k + 1)`.

    References:
        Oord et al. (arXiv 1807.03748); Poole et al. (arXiv 1905.06922), eq. 10.
    """

    summary = "InfoNCE; low variance, at most the logarithm of the samples"

    has_group_limit = True

    def term(self, joint: Tensor, rows: Tensor, others: int) -> Tensor:
        candidates = torch.logaddexp(joint, rows + math.log(others))
        return joint - candidates + math.log(others + 1)

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        return mean_term

    @property
    def for_labels(self) -> Bound:
        # an exact marginal leaves no negatives to tell a true pair from
        return likelihood


@dataclass(frozen=True)
class Likelihood(Bound):
    r"""Lower bound of a critic that is normalised for each x, :math:`E[s_y - \log E_{p(y)} e^{s}]`.

    For a label it is :math:`H(Y)` minus the cross-entropy of the prediction
    :math:`\mathrm{softmax}(s_c + \log p(c))`, and is what :data:`infonce` becomes where the marginal of y is
    exact.

    References:
        Barber & Agakov, The IM algorithm (2003); Poole et al. (arXiv 1905.06922), eq. 2.
    """

    def term(self, joint: Tensor, rows: Tensor, others: int) -> Tensor:
        return joint - rows

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        return mean_term


dv, nwj, js = DonskerVaradhan(), NguyenWainwrightJordan(), JensenShannon()
smile, infonce, likelihood = Smile(), InfoNCE(), Likelihood()

BOUNDS: dict[str, Bound] = {
    "mine": dv,
    "nwj": nwj,
    "infonce": infonce,
    "smile": smile,
    "js": OfJensenShannonCritic(),
}
"""The bounds that neural estimators report, by the name of the method."""
