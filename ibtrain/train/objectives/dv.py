"""The prediction term of the information bottleneck alone."""

from dataclasses import replace
from typing import ClassVar

from torch import nn

from ibtrain.config import ObjectiveConfig
from ibtrain.train.objectives.base import BlockSpec
from ibtrain.train.objectives.ib import InformationBottleneck

__all__ = ["PredictionTerm"]


class PredictionTerm(InformationBottleneck):
    """The information bottleneck with beta 0: the Donsker-Varadhan bound on I(h; y), without a compression critic.

    Args:
        block: Maps x to h.
        spec: The block's place, and the shape of h.
        config: As of :class:`~ibtrain.train.objectives.ib.InformationBottleneck`; beta is not used.
    """

    reads_means: ClassVar[bool] = True

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        super().__init__(block, spec, replace(config, beta=(0.0,)))
