"""Greedy training: each block on its own information-bottleneck objective, then frozen."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.seeding import generator
from ibtrain.checks import check_integer, check_number
from ibtrain.config import OUTPUT_OBJECTIVES, ObjectiveConfig, OptimConfig
from ibtrain.config.recipes import recipe
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, ModelError
from ibtrain.models.blocks import block_outputs, check_output_block, cut_into_blocks
from ibtrain.train.events import Listener, Snapshot, apply_in_chunks
from ibtrain.train.keeper import Keeper, Nested, State, identified, restoring
from ibtrain.train.loop import EpochLoop
from ibtrain.train.objectives import (
    BlockObjective,
    BlockSpec,
    Chain,
    Objective,
    make_objective,
)
from ibtrain.train.stage import (
    FitResult,
    Histories,
    Member,
    Stage,
    check_alike,
    evaluate,
    histories_of,
    histories_state,
    identity,
)

__all__ = ["LayerwiseTrainer"]


class LayerwiseTrainer:
    """Trains a network block by block, each on its own objective, then frozen.

    The objective is ``J = I(h; y) - beta * I(x; t)`` unless ``objective.name`` is another one. A block reads what the frozen blocks before it gave, evaluated once: no gradient crosses a
    block, and the frozen prefix is never run again. The output layer's own outputs are its class
    scores, so that no classification loss occurs anywhere, unless ``readout`` asks for one.

    Args:
        model: An ``nn.Sequential``, or a mapping from block names to modules; trained in place.
        objective: Its name, beta, noise, what the prediction term reads, the readout.
        optim: How each block is optimised; None is the recipe of the data set.
        seed: Of the critics, the data order and the noise.
        listeners: Called with every :class:`~ibtrain.train.events.Event`.

    Raises:
        ModelError: If the model can't be cut into blocks, or its output block has no weights.
        ConfigError: A setting for each block does not match their number.

    References:
        Elad et al. (OpenReview r1Nb5i05tX).
    """

    def __init__(
        self,
        model: nn.Module | Mapping[str, nn.Module],
        objective: ObjectiveConfig | None = None,
        optim: OptimConfig | None = None,
        *,
        seed: int = 0,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.blocks = cut_into_blocks(model)
        self.objective = objective or ObjectiveConfig()
        self.optim = optim
        self.seed = seed
        self.listeners = listeners
        self.betas = self.objective.for_blocks("beta", len(self.blocks))
        self.noise_stds = self.objective.for_blocks("noise_std", len(self.blocks))
        if self.objective.readout == "critic" and len(self.blocks) < 2:
            raise ConfigError("critic", "dv or cross-entropy for a single block", "readout")
        name, output = list(self.blocks.named_children())[-1]
        if self.objective.readout != "critic" and next(output.parameters(), None) is None:
            expected = "weights that can be trained: join it to the block before it"
            raise ModelError("an output block without weights", expected, f"block {name}")

    def fit(self, data: Dataset, keeper: Keeper | None = None) -> FitResult:
        """Trains every block in turn.

        Args:
            data: What they train on.
            keeper: Keeps the training's state, from which the same call then goes on.

        Raises:
            ModelError: The model does not fit the data.
            NonFiniteError: A bound became NaN or infinite.
        """
        (result,) = self.fit_together([self], data, keeper)
        return result

    @staticmethod
    @differentiable()
    def fit_together(
        trainers: Sequence["LayerwiseTrainer"], data: Dataset, keeper: Keeper | None = None
    ) -> list[FitResult]:
        """Trains several networks of one shape as one, each as it would train by itself.

        Args:
            trainers: Alike but for their seeds, weights and listeners.
            data: What all of them train on.
            keeper: Keeps the state of all, from which the same call then goes on.

        Raises:
            ConfigError: They are not alike.
            ModelError: A model does not fit the data.
            NonFiniteError: A bound became NaN or infinite.
        """
        check_alike(
            [trainer.blocks for trainer in trainers],
            [trainer.objective for trainer in trainers],
            [trainer.optim for trainer in trainers],
        )
        return _Together(trainers, data).fit(keeper or Keeper())

    @property
    def trained(self) -> list[str]:
        """Names of the blocks that are trained, in order."""
        names = [name for name, _ in self.blocks.named_children()]
        return names[:-1] if self.objective.readout == "critic" else names

    @property
    def stages(self) -> dict[str, list[str]]:
        """The blocks that train together, by the name of the stage, in order."""
        if self.objective.order == "sequential":
            return {name: [name] for name in self.trained}
        return {"network": self.trained}

    def stage_objective(self, specs: Mapping[str, BlockSpec]) -> Objective:
        """What blocks that train together optimise, with their critics at their start.

        Args:
            specs: Each block's place and shape, by its name, in order.
        """
        objectives = {name: self._block_objective(spec) for name, spec in specs.items()}
        if len(objectives) == 1:
            return next(iter(objectives.values()))
        return Chain(objectives, is_joint=self.objective.order == "joint")

    def _block_objective(self, spec: BlockSpec) -> BlockObjective:
        config = self.objective
        name = OUTPUT_OBJECTIVES[config.readout] if spec.is_output else config.name
        return make_objective(name, self.blocks[spec.index], spec, config, seed=self.seed)


class _Together:
    """Trainers that are alike, going through the blocks side by side."""

    def __init__(self, trainers: Sequence[LayerwiseTrainer], data: Dataset) -> None:
        self.trainers = trainers
        self.data = data
        self.first = trainers[0]
        self.optim = self.first.optim or recipe("layerwise", data.name)
        self.inputs: list[Mapping[str, Tensor]] = [data.inputs for _ in trainers]
        self.histories: Histories = [[] for _ in trainers]
        self.index = 0
        self.seconds = 0.0
        for trainer in trainers:
            check_output_block(trainer.blocks, data.train.x, data.num_classes)

    def fit(self, keeper: Keeper) -> list[FitResult]:
        keeper = identified(keeper, self._identity)
        restored = keeper.restored()
        in_stage = None
        if restored:
            with restoring():
                self._load(restored)
                in_stage = restored["stage"]
        stages = len(self.first.stages)
        while self.index < stages:
            stage = self._stage(self.index)
            records = stage.run(Nested(keeper, self._state, in_stage))
            in_stage = None
            for history, own in zip(self.histories, records, strict=True):
                history.extend(own)
            self.seconds += stage.loop.seconds
            start = time.perf_counter()
            self._freeze()
            self.seconds += time.perf_counter() - start
            if self.index < stages:
                keeper.after_stage(lambda: self._state(None))
        return [
            FitResult(
                method="layerwise",
                seed=trainer.seed,
                network=nn.Sequential(
                    OrderedDict((n, trainer.blocks.get_submodule(n)) for n in trainer.trained)
                ),
                readout=member.snapshot.readout,
                accuracies=evaluate(member.snapshot, self.data),
                seconds=self.seconds / len(self.trainers),
                history=history,
            )
            for trainer, member, history in zip(
                self.trainers, stage.members, self.histories, strict=True
            )
        ]

    def _identity(self) -> State:
        """What a checkpoint of this training belongs to."""
        first, seeds = self.first, [trainer.seed for trainer in self.trainers]
        return identity(
            "layerwise", first.blocks, self.data, seeds, objective=first.objective, optim=self.optim
        )

    def _state(self, stage: State | None) -> State:
        """The blocks, what is known of their epochs, and the state of the stage in training."""
        return {
            "index": self.index,
            "networks": [trainer.blocks.state_dict() for trainer in self.trainers],
            "histories": histories_state(self.histories),
            "seconds": self.seconds,
            "stage": stage,
        }

    def _load(self, state: State) -> None:
        """Goes on from there: what frozen blocks give is evaluated again."""
        for trainer, network in zip(self.trainers, state["networks"], strict=True):
            trainer.blocks.load_state_dict(network)
        self.histories = histories_of(state["histories"], len(self.trainers))
        check_number("seconds", state["seconds"], 0)
        check_integer("index", state["index"], 0, len(self.first.stages) - 1)
        self.seconds = state["seconds"]
        for _ in range(state["index"]):
            self._freeze()

    def _freeze(self) -> None:
        """Takes what the trained blocks give, evaluated once, for the next blocks' data set."""
        for member, trainer in enumerate(self.trainers):
            part = self._part(trainer, self.index).eval().requires_grad_(False)
            if self.index < len(self.first.stages) - 1:
                inputs = self.inputs[member]
                self.inputs[member] = {k: apply_in_chunks(part, x) for k, x in inputs.items()}
        self.index += 1

    def _part(self, trainer: LayerwiseTrainer, index: int) -> nn.Sequential:
        """The blocks of a stage."""
        names = list(trainer.stages.values())[index]
        return nn.Sequential(OrderedDict((n, trainer.blocks.get_submodule(n)) for n in names))

    def _stage(self, index: int) -> Stage:
        device = self.data.train.y.device
        parts = [self._part(trainer, index).requires_grad_(True) for trainer in self.trainers]
        with torch.no_grad():
            outputs = block_outputs(parts[0], self.inputs[0]["train"][:2])
        names = [name for name, _ in self.first.blocks.named_children()]
        specs = {
            name: BlockSpec(tuple(h.shape[1:]), self.data.log_prior, names.index(name), len(names))
            for name, h in outputs.items()
        }
        objectives = [trainer.stage_objective(specs) for trainer in self.trainers]
        members = zip(objectives, parts, self.inputs, self.trainers, strict=True)
        return Stage(
            method="layerwise",
            name=list(self.first.stages)[index],
            index=index,
            stages=len(self.first.stages),
            data=self.data,
            loop=EpochLoop(
                objectives,
                [inputs["train"] for inputs in self.inputs],
                self.data.train.y,
                self.optim,
                [trainer.seed for trainer in self.trainers],
                [generator(device, trainer.seed, "noise", index) for trainer in self.trainers],
            ),
            members=[
                Member(objective, Snapshot(part, objective.readout, inputs), trainer.listeners)
                for objective, part, inputs, trainer in members
            ],
        )
