"""One network on its way through the stages of a training."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ibtrain.backend.seeding import generator
from ibtrain.checks import check_integer, check_number
from ibtrain.config.recipes import with_recipe
from ibtrain.data.augmentation import check_augmentable
from ibtrain.data.dataset import Dataset
from ibtrain.data.scaling import Scaling
from ibtrain.errors import ConfigError, ModelError
from ibtrain.models.blocks import block_outputs, check_output_block
from ibtrain.train.arguments import check_model
from ibtrain.train.augmented import Augmentation
from ibtrain.train.cached import cached_outputs
from ibtrain.train.callbacks import ModelView, PlaneLike
from ibtrain.train.checkpointer import State
from ibtrain.train.loop import EpochLoop
from ibtrain.train.objectives.base import BlockObjective, BlockSpec, Objective
from ibtrain.train.random_end import random_end
from ibtrain.train.results import EpochRecord, FitResult
from ibtrain.train.scores import AveragedReadout
from ibtrain.train.stage import Stage
from ibtrain.train.trainer import Trainer

__all__ = ["Training"]


class Training:
    """One network on its way through the stages of its trainer.

    A stage reads what the stages before it gave, evaluated once: a trained block is never run again. Dropout and other
    random layers at the end of a trained block are left out of these values, and act on every batch that the next stage
    trains on; random layers elsewhere in a trained block stay off. With augmentation the trained blocks are run again, on
    every batch of changed images; the values that are evaluated and measured are cached all the same.

    Args:
        trainer: The network, its stages and their objectives.
        data: What it trains on.

    Raises:
        ModelError: If the model does not fit the data, if the stages do not fit the model, or if all weights are frozen.
        ConfigError: If training is to stop early and there is no validation split.
    """

    def __init__(self, trainer: Trainer, data: Dataset) -> None:
        check_model(trainer.blocks, data)
        outputs = check_output_block(trainer.blocks, data.train.x, data.num_classes)
        # where a sample is largest: all stages, and both methods, have the same order of the samples
        self._sample_bytes = max(h[0].nbytes for h in (data.train.x, *outputs.values()))
        self.trainer = trainer
        self.data = data
        # one list for all stages, to which a progress bar may be added
        self.callbacks = list(trainer.callbacks)
        for callback in self.callbacks:
            if isinstance(callback, PlaneLike):
                callback.check_data(data)
        self.optim = with_recipe(
            trainer.optim,
            trainer.method,
            data.name,
            len(data.train),
            smooths_labels=trainer.smooths_labels,
        )
        check_augmentable(self.optim.augment, data.train.x)
        if self.optim.patience and data.validation is None:
            given = f"{self.optim.patience} without a validation split"
            raise ConfigError(given, "0, or data.hold_out(0.15, seed=0)", "patience")
        self.stages = _checked_stages(trainer)
        self._trained = _trained_parameters(trainer)
        self.index = 0
        self.is_finished = False
        self.stage: Stage | None = None
        self.inputs: Mapping[str, Tensor] = data.inputs
        self._random_layers: nn.Module | None = None
        # of the stages before, whose scores the prediction averages
        self._readouts: list[nn.Module] = []
        self.history: list[EpochRecord] = []
        self.seconds = 0.0

    def begin_stage(self) -> Stage:
        """The stage in training, which starts if it has not started yet."""
        if self.stage is None:
            self.stage = self._make_stage()
            self.stage.start()
        return self.stage

    def finish_stage(self) -> None:
        """Ends the stage in training, and freezes its blocks; after the last stage the training is finished."""
        assert self.stage is not None
        self.stage.finish()
        self.history += self.stage.history
        start = time.perf_counter()
        if self.index == len(self.stages) - 1:
            self._close_stage()
            self.is_finished = True
        else:
            if self.trainer.averages_scores:
                self._readouts.append(self.stage.model.readout)
            self._advance()
        self.seconds += self.stage.loop.seconds + time.perf_counter() - start
        if not self.is_finished:
            self.stage = None

    def result(self) -> FitResult:
        """The trained network, after the last stage."""
        assert self.is_finished
        model = self._predictor()
        splits = self.data.splits.items()
        return FitResult(
            method=self.trainer.method,
            seed=self.trainer.seed,
            network=self._network(),
            readout=model.readout,
            scaling=self.data.scaling or Scaling(tuple(self.data.train.x.shape[1:])),
            classes=self.data.classes,
            accuracies={name: model.accuracy(name, split.y) for name, split in splits},
            seconds=self.seconds,
            history=self.history,
        )

    @property
    def epochs(self) -> tuple[int, int]:
        """Number of epochs done, and of all epochs; those that a stopped stage leaves out count as done."""
        total = len(self.stages) * self.optim.epochs
        current = self.stage.loop.epoch if self.stage else 0
        return total if self.is_finished else self.index * self.optim.epochs + current, total

    def state_dict(self) -> State:
        """Everything that the epochs to come depend on."""
        return {
            "index": self.index,
            "is_finished": self.is_finished,
            "network": self.trainer.blocks.state_dict(),
            "history": [vars(record) for record in self.history],
            "seconds": self.seconds,
            "stage": self.stage.state_dict() if self.stage else None,
            "readouts": [readout.state_dict() for readout in self._readouts],
        }

    def load_state_dict(self, state: State) -> None:
        """Restores a state of :meth:`state_dict`; the outputs of frozen blocks are computed again."""
        check_integer("index", state["index"], 0, len(self.stages) - 1)
        check_number("seconds", state["seconds"], 0)
        if state["is_finished"] and state["stage"] is None:
            raise ValueError("a finished training without its last stage")
        self.trainer.blocks.load_state_dict(state["network"])
        self.history = [EpochRecord.from_dict(record) for record in state["history"]]
        self.seconds = state["seconds"]
        for index in range(state["index"]):
            if self.trainer.averages_scores:
                readout = self._objective().readout
                readout.load_state_dict(state["readouts"][index])
                self._readouts.append(readout)
            self._advance()
        if state["stage"] is not None:
            self.stage = self._make_stage()
            self.stage.load_state_dict(state["stage"])
        if state["is_finished"]:
            self._close_stage()
            self.is_finished = True

    def _advance(self) -> None:
        """Goes to the next stage, whose inputs are the outputs of this one."""
        part = self._close_stage()
        self._random_layers = random_end(part, self.inputs["train"])
        self.inputs = cached_outputs(part, self.inputs)
        self.index += 1

    def _close_stage(self) -> nn.Sequential:
        """The blocks of the stage, as they are from now on."""
        part = self._blocks(self.stages[self.index][1]).eval()
        self._require_gradients(part, not self.trainer.freezes)
        return part

    def unfreeze(self) -> None:
        """Lets all weights be trained again that were so before the training, which has failed."""
        self._require_gradients(self.trainer.blocks, True)

    def _require_gradients(self, part: nn.Module, is_trained: bool) -> None:
        """Sets whether the weights of blocks are trained; what the user froze stays frozen."""
        for parameter in part.parameters():
            if id(parameter) in self._trained:
                parameter.requires_grad_(is_trained)

    def _blocks(self, names: Sequence[str]) -> nn.Sequential:
        blocks = self.trainer.blocks
        return nn.Sequential(OrderedDict((name, blocks.get_submodule(name)) for name in names))

    def _make_stage(self) -> Stage:
        trainer, device = self.trainer, self.data.train.y.device
        stage, names = self.stages[self.index]
        part = self._blocks(names)
        self._require_gradients(part, True)
        objective = self._objective()
        augmentation = self._augmentation()
        return Stage(
            method=trainer.method,
            name=stage,
            index=self.index,
            count=len(self.stages),
            data=self.data,
            loop=EpochLoop(
                objective,
                self.inputs["train"] if augmentation is None else self.data.train.x,
                self.data.train.y,
                self.optim,
                trainer.seed,
                generator(device, trainer.seed, "noise", self.index),
                self._random_layers,
                augmentation,
                sample_bytes=self._sample_bytes,
            ),
            model=ModelView(part, objective.readout, self.inputs, objective),
            callbacks=self.callbacks,
        )

    def _augmentation(self) -> Augmentation | None:
        """Changes the images of every batch, and runs the frozen blocks; None without augmentation."""
        if not self.optim.augment:
            return None
        frozen = self._blocks([name for _, names in self.stages[: self.index] for name in names])
        device = self.data.train.x.device
        return Augmentation(self.optim.augment, frozen, self.trainer.seed, device)

    def _objective(self) -> Objective:
        """The objective of the stage, before its training."""
        part = self._blocks(self.stages[self.index][1])
        objective = self.trainer.objective_of(part, self._specs(part))
        for module in objective.modules():
            if isinstance(module, BlockObjective):
                module.smooth_labels(self.optim.label_smoothing)
        return objective

    def _predictor(self) -> ModelView:
        """The last stage, or the whole network if the readouts of all stages predict."""
        assert self.stage is not None
        if not self._readouts:
            return self.stage.model
        readout = AveragedReadout([*self._readouts, self.stage.model.readout])
        return ModelView(self._network(), readout, self.data.inputs)

    def _network(self) -> nn.Sequential:
        """The blocks of all stages."""
        return self._blocks([name for _, names in self.stages for name in names])

    def _specs(self, part: nn.Sequential) -> dict[str, BlockSpec]:
        """Place and output shape of each block of a stage."""
        with torch.no_grad():
            outputs = block_outputs(part, self.inputs["train"][:2])
        names = [name for name, _ in self.trainer.blocks.named_children()]
        return {
            name: BlockSpec(tuple(h.shape[1:]), self.data.log_prior, names.index(name), len(names))
            for name, h in outputs.items()
        }


def _trained_parameters(trainer: Trainer) -> set[int]:
    """Identities of the parameters that are trained: those that are not frozen, but for what the trainer froze itself."""
    named = [(n, p) for n, p in trainer.blocks.named_parameters() if p.is_floating_point()]
    trained = {n: id(p) for n, p in named if p.requires_grad or n in trainer.trained}
    if named and not trained:
        expected = "some with requires_grad, as after model.requires_grad_()"
        raise ModelError("weights that are all frozen", expected, "model")
    trainer.trained.update(trained)
    return set(trained.values())


def _checked_stages(trainer: Trainer) -> list[tuple[str, Sequence[str]]]:
    """The trainer's stages: each reads what the one before it gives."""
    stages = list(trainer.stages.items())
    names = [name for name, _ in trainer.blocks.named_children()]
    trained = [name for _, blocks in stages for name in blocks]
    if not trained or trained != names[: len(trained)] or not all(blocks for _, blocks in stages):
        expected = f"one after another from the first block on ({', '.join(names)})"
        raise ModelError(f"stages {dict(stages)}", expected, type(trainer).__name__)
    return stages
