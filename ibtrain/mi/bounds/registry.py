r"""The variational bounds on mutual information, evaluated on critic scores.

A *joint* score is the critic's value for a true pair, a *marginal* score its value for a pair drawn from the
product of the marginals. Each bound is largest if the critic is the log-ratio
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
TANGENT_THRESHOLD = 50.0
"""Log-partition above which the tangent replaces the exponential of :data:`nwj`."""


@dataclass(frozen=True)
class DonskerVaradhan(Bound):
    r"""Donsker-Varadhan lower bound, :math:`E_{p(x,y)}[s] - \log E_{p(x)p(y)}[e^s]`.

    Its critic maximises :func:`tuba` with a running average of the partition function, which has MINE's corrected
    gradient.

    References:
        Donsker & Varadhan 1983; MINE (arXiv 1801.04062), eq. 5 and 12.
    """

    summary = "Donsker-Varadhan bound, with a gradient corrected by a running average"

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

    In the paper's notation :math:`E[f] - e^{-1} E[e^f]` with :math:`f = 1 + s`, so that the optimal s is the log-ratio
    itself. If the mean exceeds :math:`e^{50}`, the tangent replaces the exponential. The value is still a bound (it
    stays below :data:`dv`), and its gradients are finite.

    References:
        Poole et al. (arXiv 1905.06922), eq. 5 and 6.
    """

    summary = "Nguyen-Wainwright-Jordan bound"

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        excess = (mean_rows - TANGENT_THRESHOLD).clamp_min(0)
        mean = mean_rows.clamp_max(TANGENT_THRESHOLD).exp() + math.exp(TANGENT_THRESHOLD) * excess
        return 1 + mean_term - mean


@dataclass(frozen=True)
class JensenShannon(Bound):
    r"""Jensen-Shannon bound, :math:`-E_{p(x,y)}[\log(1 + e^{-s})] - E_{p(x)p(y)}[\log(1 + e^s)]`.

    A stable objective for a critic: its optimum is the log-ratio, and its gradients are bounded. The value
    is a bound on :math:`2 \mathrm{JS} - \log 4`, not on the mutual information, which is computed from the critic
    by :data:`nwj` (method ``js``) or :data:`smile`.

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
    """:data:`nwj` of a critic that maximises :data:`js`."""

    summary = "NWJ bound of a critic trained on the Jensen-Shannon bound"

    @property
    def selection(self) -> Bound:
        return js


@dataclass(frozen=True)
class Smile(Bound):
    r"""SMILE, :math:`E_{p(x,y)}[s] - \log E_{p(x)p(y)}[e^{\mathrm{clip}(s, -\tau, \tau)}]`.

    Clipping reduces the variance of the mean of exponentials and adds a bias of either sign: SMILE is an estimate,
    not a bound. Its critic maximises :data:`js`.

    Args:
        clip: Clipping threshold :math:`\tau`, in nats.

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
    r"""InfoNCE, the log-likelihood of identifying each true pair among k others.

    .. math:: E \log \frac{e^{s_i}}{\frac{1}{k+1} \left(e^{s_i} + \sum_j e^{s_{ij}}\right)}

    A lower bound with low variance that can't exceed :math:`\log(k + 1)`.

    References:
        Oord et al. (arXiv 1807.03748); Poole et al. (arXiv 1905.06922), eq. 10.
    """

    summary = "InfoNCE; low variance, at most the logarithm of the number of samples"

    has_group_limit = True

    def term(self, joint: Tensor, rows: Tensor, others: int) -> Tensor:
        candidates = torch.logaddexp(joint, rows + math.log(others))
        return joint - candidates + math.log(others + 1)

    def combine(self, mean_term: Tensor, mean_rows: Tensor) -> Tensor:
        return mean_term

    @property
    def for_labels(self) -> Bound:
        # with an exact marginal there are no negatives
        return likelihood


@dataclass(frozen=True)
class Likelihood(Bound):
    r"""Lower bound with a critic that is normalised for each x, :math:`E[s_y - \log E_{p(y)} e^{s}]`.

    For a label it is :math:`H(Y)` minus the cross-entropy of the prediction
    :math:`\mathrm{softmax}(s_c + \log p(c))`. It replaces :data:`infonce` if the marginal of y is exact.

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
"""Bounds of the neural estimators, by the name of the method."""
