"""Objectives of blocks, one file each."""

from ibtrain.train.objectives.base import BlockObjective, BlockSpec, Objective
from ibtrain.train.objectives.build import make_objective
from ibtrain.train.objectives.chain import Chain

__all__ = ["BlockObjective", "BlockSpec", "Chain", "Objective", "make_objective"]
