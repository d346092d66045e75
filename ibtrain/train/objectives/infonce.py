"""The information bottleneck with InfoNCE over the samples of a batch."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ibtrain.config import ObjectiveConfig
from ibtrain.mi.bounds.labels import infonce_labels
from ibtrain.mi.bounds.registry import EMA_RATE
from ibtrain.mi.neural.average import LogAverage
from ibtrain.train.objectives.base import BlockSpec
from ibtrain.train.objectives.ib import InformationBottleneck, Readout

__all__ = ["InfoNCEBottleneck", "NormalisedReadout"]


class NormalisedReadout(Readout):
    """A readout that subtracts each class's normaliser, without which the scores of two classes can't be compared.

    Args:
        scores: The critic.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``.
    """

    log_normaliser: Tensor

    def __init__(self, scores: nn.Module, log_prior: Tensor) -> None:
        super().__init__(scores, log_prior)
        self.register_buffer("log_normaliser", torch.zeros_like(log_prior))

    def posterior(self, scores: Tensor) -> Tensor:
        """Class scores ``(batch, classes)`` from the critic's."""
        return scores - self.log_normaliser + self.log_prior


class InfoNCEBottleneck(InformationBottleneck):
    r"""Predicts by the bound :math:`\frac1n \sum_i ( s_{y_i}(h_i) - \log \frac1n \sum_j e^{s_{y_i}(h_j)} )`.

    Each label has to find its sample among those of the batch. InfoNCE that normalises over the classes instead would
    be H(y) minus the cross-entropy, which is an objective of its own. The best critic is the log-ratio up to a
    constant for each class. The readout subtracts a running average of the classes' normalisers.

    References:
        Oord et al. (arXiv 1807.03748); :func:`~ibtrain.mi.bounds.labels.infonce_labels`.
    """

    smooths_labels: ClassVar[bool] = False
    reads_means: ClassVar[bool] = True

    readout: NormalisedReadout

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        super().__init__(block, spec, config)
        self.normaliser = LogAverage(EMA_RATE, spec.num_classes)

    def make_readout(self, scores: nn.Module, log_prior: Tensor) -> Readout:
        """Creates the readout."""
        return NormalisedReadout(scores, log_prior)

    def prediction(self, scores: Tensor, y: Tensor) -> Tensor:
        """The bound in nats."""
        bound, normaliser = infonce_labels(scores, y)
        self.readout.log_normaliser.copy_(self.normaliser.update(normaliser))
        return bound
