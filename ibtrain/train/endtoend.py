"""The baseline: the same network, trained end to end with backprop on the cross-entropy."""

from collections.abc import Mapping, Sequence
from functools import partial

from torch import nn

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.seeding import generator
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.config.recipes import recipe
from ibtrain.data.dataset import Dataset
from ibtrain.models.blocks import check_output_block, cut_into_blocks
from ibtrain.train.events import Listener, Snapshot
from ibtrain.train.keeper import Keeper, identified
from ibtrain.train.loop import EpochLoop
from ibtrain.train.objectives import BlockSpec, make_objective
from ibtrain.train.stage import FitResult, Member, Stage, check_alike, evaluate, identity

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

    def fit(self, data: Dataset, keeper: Keeper | None = None) -> FitResult:
        """Trains the whole network.

        Args:
            data: What it trains on.
            keeper: Keeps the training's state, from which the same call then goes on.

        Raises:
            ModelError: The model does not fit the data.
            NonFiniteError: The loss became NaN or infinite.
        """
        (result,) = self.fit_together([self], data, keeper)
        return result

    @staticmethod
    @differentiable()
    def fit_together(
        trainers: Sequence["EndToEndTrainer"], data: Dataset, keeper: Keeper | None = None
    ) -> list[FitResult]:
        """Trains several networks of one shape as one, each as it would train by itself.

        Args:
            trainers: Alike but for their seeds, weights and listeners.
            data: What all of them train on.
            keeper: Keeps the state of all, from which the same call then goes on.

        Raises:
            ConfigError: They are not alike.
            ModelError: A model does not fit the data.
            NonFiniteError: A loss became NaN or infinite.
        """
        first = trainers[0]
        networks = [trainer.blocks for trainer in trainers]
        check_alike(networks, [trainer.optim for trainer in trainers])
        for network in networks:
            check_output_block(network, data.train.x, data.num_classes)
            network.requires_grad_(True)
        seeds = [trainer.seed for trainer in trainers]
        optim = first.optim or recipe("end_to_end", data.name)
        stage = _stage(trainers, data, optim, seeds)
        origin = partial(identity, "end_to_end", networks[0], data, seeds, optim=optim)
        histories = stage.run(identified(keeper or Keeper(), origin))
        for network in networks:
            network.eval()
        return [
            FitResult(
                method="end_to_end",
                seed=trainer.seed,
                network=trainer.blocks,
                readout=member.snapshot.readout,
                accuracies=evaluate(member.snapshot, data),
                seconds=stage.loop.seconds / len(trainers),
                history=history,
            )
            for trainer, member, history in zip(trainers, stage.members, histories, strict=True)
        ]


def _stage(
    trainers: Sequence[EndToEndTrainer], data: Dataset, optim: OptimConfig, seeds: Sequence[int]
) -> Stage:
    """The networks' only stage, in which each is a single block."""
    spec = BlockSpec((data.num_classes,), data.log_prior, index=0, count=1)
    objectives = [
        make_objective("cross-entropy", trainer.blocks, spec, ObjectiveConfig())
        for trainer in trainers
    ]
    device = data.train.y.device
    return Stage(
        method="end_to_end",
        name="network",
        index=0,
        stages=1,
        data=data,
        loop=EpochLoop(
            objectives,
            [data.train.x] * len(trainers),
            data.train.y,
            optim,
            seeds,
            [generator(device, seed, "noise") for seed in seeds],
        ),
        members=[
            Member(
                objective,
                Snapshot(trainer.blocks, objective.readout, data.inputs),
                trainer.listeners,
            )
            for objective, trainer in zip(objectives, trainers, strict=True)
        ],
    )
