"""Similarity matching alone."""

from dataclasses import replace
from typing import ClassVar

from torch import nn

from ibtrain.config import ObjectiveConfig
from ibtrain.train.objectives.base import BlockSpec
from ibtrain.train.objectives.dv import PredictionTerm

__all__ = ["Similarity"]


class Similarity(PredictionTerm):
    """Trains a block by :class:`~ibtrain.train.objectives.terms.SimilarityTerm`; its class critic only reads it.

    Args:
        block: Maps x to h.
        spec: The block's place, and the shape of h.
        config: As of :class:`~ibtrain.train.objectives.dv.PredictionTerm`; the weight of the term is 1 if it is 0.
    """

    prediction_trains_block: ClassVar[bool] = False
    reads_means: ClassVar[bool] = True

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        super().__init__(block, spec, replace(config, similarity=config.similarity or 1.0))
