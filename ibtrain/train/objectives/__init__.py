"""What one block optimises, an objective a file."""

from ibtrain.train.objectives.base import BlockObjective, BlockSpec
from ibtrain.train.objectives.build import make_objective

__all__ = ["BlockObjective", "BlockSpec", "make_objective"]
