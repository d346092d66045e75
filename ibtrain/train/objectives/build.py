"""Creates the objective of a block by its name."""

from torch import nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import OBJECTIVES, ObjectiveConfig
from ibtrain.lazy import load_object
from ibtrain.train.objectives.base import BlockObjective, BlockSpec

__all__ = ["make_objective"]


def make_objective(
    name: str, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig, *, seed: int = 0
) -> BlockObjective:
    """The objective of a block, with untrained critics.

    Args:
        name: One of :data:`~ibtrain.config.OBJECTIVES`.
        block: The block, on the device used.
        spec: The block's place, and the shape of its output.
        config: Settings of the objective.
        seed: Seeds the critics' weights.
    """
    kind: type[BlockObjective] = load_object(OBJECTIVES[name])
    with seeded(seed, "critics", spec.index):
        objective = kind(block, spec, config)  # type: ignore[arg-type]
    return objective.to(spec.log_prior.device)
