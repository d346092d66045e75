"""The information bottleneck with the Nguyen-Wainwright-Jordan bound."""

from typing import ClassVar

from torch import Tensor

from ibtrain.mi.bounds.labels import label_scores
from ibtrain.mi.bounds.registry import nwj
from ibtrain.train.objectives.ib import InformationBottleneck

__all__ = ["NWJBottleneck"]


class NWJBottleneck(InformationBottleneck):
    r"""Predicts by the bound :math:`1 + \frac1n \sum_n s_{y_n}(h_n) - \frac1n \sum_n \sum_c p(c)\, e^{s_c(h_n)}`.

    Its best critic is the log-ratio itself, and not only up to a constant as that of the Donsker-Varadhan bound.

    References:
        Nguyen et al. 2010; Poole et al. (arXiv 1905.06922), eq. 5.
    """

    smooths_labels: ClassVar[bool] = False
    reads_means: ClassVar[bool] = True

    def prediction(self, scores: Tensor, y: Tensor) -> Tensor:
        """The bound in nats."""
        return nwj(*label_scores(scores, y, self.readout.log_prior))
