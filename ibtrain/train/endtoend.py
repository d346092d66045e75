"""The baseline: the same network, trained end to end with backprop on the cross-entropy."""

from collections.abc import Mapping, Sequence

from torch import nn

from ibtrain.config import OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.models.blocks import check_output, cut_into_blocks
from ibtrain.recipes import recipe
from ibtrain.train.events import Listener, Snapshot
from ibtrain.train.loop import EpochLoop, cross_entropy_loss
from ibtrain.train.stage import FitResult, Stage, evaluate

__all__ = ["EndToEndTrainer"]


class EndToEndTrainer:
    """Trains a network with backprop on the cross-entropy.

    Args:
        model: An ``nn.Sequential``, or a mapping from block names to modules; trained in place.
        optim: How it is optimised; None is the recipe of the data set.
        seed: Of the data order, which is the same as that of each of layer-wise training's blocks.
        listeners: Called with every :class:`~ibtrain.train.events.Event`.

    Raises:
        ModelError: The model can't be cut into blocks.
    """

    def __init__(
        self,
        model: nn.Module | Mapping[str, nn.Module],
        optim: OptimConfig | None = None,
        *,
        seed: int = 0,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.blocks = cut_into_blocks(model)
        self.optim = optim
        self.seed = seed
        self.listeners = listeners

    def fit(self, data: Dataset) -> FitResult:
        """Trains the whole network.

        Raises:
            ModelError: The model does not fit the data.
            NonFiniteError: The loss became NaN or infinite.
        """
        check_output(self.blocks, data.train.x, data.num_classes)
        self.blocks.requires_grad_(True)
        loss = cross_entropy_loss(self.blocks)
        optim = self.optim or recipe("end_to_end", data.name)
        stage = Stage(
            method="end_to_end",
            seed=self.seed,
            name="network",
            index=0,
            stages=1,
            data=data,
            loop=EpochLoop(self.blocks, loss, data.train.x, data.train.y, optim, self.seed),
            snapshot=Snapshot(self.blocks, nn.Identity(), data.inputs),
            listeners=self.listeners,
        )
        history = stage.run()
        self.blocks.eval()
        return FitResult(
            method="end_to_end",
            seed=self.seed,
            network=self.blocks,
            readout=nn.Identity(),
            accuracies=evaluate(stage.snapshot, data),
            seconds=stage.loop.seconds,
            history=history,
        )
