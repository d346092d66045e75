"""Blocks that keep their initial weights: the control for every other objective."""

from typing import ClassVar

from torch import nn

from ibtrain.config import ObjectiveConfig
from ibtrain.train.objectives.base import BlockSpec
from ibtrain.train.objectives.dv import PredictionTerm

__all__ = ["Frozen"]


class Frozen(PredictionTerm):
    """Only the class critic is trained, in every order; the block keeps its initial, random weights.

    Args:
        block: Maps x to h; its weights take no gradients any more.
        spec: The block's place, and the shape of h.
        config: As of :class:`~ibtrain.train.objectives.dv.PredictionTerm`.
    """

    prediction_trains_block: ClassVar[bool] = False
    reads_means: ClassVar[bool] = True

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        super().__init__(block.requires_grad_(False), spec, config)
