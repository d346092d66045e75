"""The baseline: the same network, trained end to end with backprop on the cross-entropy."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import nn

from ibtrain.config import Method, ObjectiveConfig
from ibtrain.train.objectives import BlockSpec, Objective, make_objective
from ibtrain.train.trainer import Trainer

__all__ = ["EndToEndTrainer"]


class EndToEndTrainer(Trainer):
    """Trains a network with backprop on the cross-entropy.

    Args:
        model: An ``nn.Sequential``, or a mapping from block names to modules; trained in place.
        optim: How it is optimised; what is None is the recipe's for the data set.
        seed: Seeds the data order, which is the same as that of each block in layer-wise training.
        callbacks: Called with every :class:`~ibtrain.train.callbacks.Event`.

    Raises:
        ModelError: If the model can't be cut into blocks.
    """

    method: ClassVar[Method] = "end_to_end"
    freezes: ClassVar[bool] = False

    @property
    def stages(self) -> Mapping[str, Sequence[str]]:
        """A single one."""
        return {"network": [name for name, _ in self.blocks.named_children()]}

    def objective_of(self, part: nn.Sequential, specs: Mapping[str, BlockSpec]) -> Objective:
        """The cross-entropy of the network as a single block."""
        output = list(specs.values())[-1]
        whole = BlockSpec(output.shape, output.log_prior, index=0, count=1)
        return make_objective("cross-entropy", part, whole, ObjectiveConfig())
