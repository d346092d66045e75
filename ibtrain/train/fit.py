"""Runs the trainings of one or several networks to their ends, with checkpoints on the way."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import cache, partial

from torch import Tensor, nn

from ibtrain.backend.gradients import differentiable
from ibtrain.backend.memory import memory_advice
from ibtrain.backend.seeding import seeded_on
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.config.settings import with_defaults
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, NonFiniteError, RunFolderError
from ibtrain.models.blocks import check_trainable
from ibtrain.train.checkpointer import Checkpointer, State, restoring
from ibtrain.train.lockstep import Lockstep
from ibtrain.train.progress import TrainingProgress
from ibtrain.train.results import FitResult
from ibtrain.train.stage import Stage
from ibtrain.train.trainer import Trainer
from ibtrain.train.training import Training

__all__ = ["fit_ensemble"]


@differentiable()
def fit_ensemble(
    trainers: Sequence[Trainer], data: Dataset, checkpointer: Checkpointer | None = None
) -> list[FitResult]:
    """Trains several networks of one shape as one, each as it would train by itself.

    Networks that draw random numbers, such as those with dropout, have one stream of them together: their masks depend on the other networks.

    Args:
        trainers: Trainers of one class, alike but for their seeds, weights and callbacks.
        data: What all of them train on.
        checkpointer: Saves the state of all of them; the same call continues from it.

    Returns:
        The result of each trainer.

    Raises:
        ConfigError: If their classes, their settings or their networks' shapes differ.
        ModelError: If a model does not fit the data, or if two share weights.
        NonFiniteError: If a metric became NaN or infinite.
        RunFolderError: If the saved state is of another training.
    """
    _check_alike(trainers)
    trainings = [Training(trainer, data) for trainer in trainers]
    checkpointer = checkpointer or Checkpointer()

    @cache
    def identity() -> State:
        # lists and not tuples, as they come out of a file
        identity: State = json.loads(json.dumps(_identity(trainings)))
        return identity

    def state() -> State:
        networks = [training.state_dict() for training in trainings]
        return {"identity": identity(), "networks": networks}

    saved = checkpointer.load()
    if saved is not None:
        with restoring():
            _check_identity(saved["identity"], identity())
            for training, saved_training in zip(trainings, saved["networks"], strict=True):
                training.load_state_dict(saved_training)
    seed, *more_seeds = (trainer.seed for trainer in trainers)
    # a checkpointer restores the generators from which dropout draws
    is_new = saved is None
    dropout = seeded_on(data.train.x.device, seed, "dropout", *more_seeds)
    try:
        with dropout if is_new else nullcontext(), _progress(trainings):
            while any(not training.is_finished for training in trainings):
                _train_stage(trainings, checkpointer, state)
    except BaseException:
        # another trainer of the same network would leave the blocks so far as they are
        for training in trainings:
            training.unfreeze()
        raise
    return [training.result() for training in trainings]


def _progress(trainings: Sequence[Training]) -> TrainingProgress:
    """A progress bar over the epochs of all trainings, which calls it with their events."""
    done, total = map(sum, zip(*(training.epochs for training in trainings), strict=True))
    progress = TrainingProgress(total, done, show=trainings[0].trainer.progress)
    for training in trainings:
        training.callbacks.append(progress)
    return progress


def _train_stage(
    trainings: Sequence[Training], checkpointer: Checkpointer, state: Callable[[], State]
) -> None:
    """Trains those networks that are at the earliest stage; others wait until all have done it."""
    index = min(training.index for training in trainings if not training.is_finished)
    while active := [t for t in trainings if t.index == index and not t.is_finished]:
        stages = [training.begin_stage() for training in active]
        lockstep = Lockstep([stage.loop for stage in stages])
        after_step = partial(_after_step, stages, checkpointer, state)
        while not any(stage.is_done for stage in stages):
            means = _run_epoch(lockstep, stages[0], after_step)
            for stage, metrics in zip(stages, means, strict=True):
                stage.end_epoch(metrics)
            checkpointer.after_epoch(state)
        for training, stage in zip(active, stages, strict=True):
            if stage.is_done:
                training.finish_stage()
    if not all(training.is_finished for training in trainings):
        checkpointer.after_stage(state)


def _after_step(
    stages: Sequence[Stage], checkpointer: Checkpointer, state: Callable[[], State]
) -> None:
    for stage in stages:
        stage.end_step()
    checkpointer.after_step(state)


def _run_epoch(
    lockstep: Lockstep, stage: Stage, after_step: Callable[[], None]
) -> list[dict[str, float]]:
    """An epoch, with errors that say where."""
    where, size = f"{stage.method}, {stage.name}", stage.loop.batch_size
    try:
        with memory_advice(where, f"--batch-size (now {size}) or the widths in --hidden"):
            return lockstep.run_epoch(after_step)
    except NonFiniteError as error:
        raise NonFiniteError(f"{where}: {error}") from error


def _check_alike(trainers: Sequence[Trainer]) -> None:
    """Checks that several networks can train as one."""
    networks = [trainer.blocks for trainer in trainers]
    check_trainable((f"network {index}", network) for index, network in enumerate(networks))
    shapes = [[p.shape for p in network.parameters()] for network in networks]
    settings = [(trainer.stages, trainer.settings, trainer.optim) for trainer in trainers]
    kinds = [type(trainer) for trainer in trainers]
    for values, what in ((kinds, "trainers"), (shapes, "networks"), (settings, "settings")):
        if any(value != values[0] for value in values):
            raise ConfigError(
                f"{what} that differ", f"the same {what}", "networks that train as one"
            )


def _identity(trainings: Sequence[Training]) -> State:
    """What a checkpoint belongs to: settings, the network's modules and shapes, device and samples."""
    first, data = trainings[0], trainings[0].data
    network: nn.Module = first.trainer.blocks
    tables: dict[str, ObjectiveConfig | OptimConfig] = {
        **first.trainer.settings,
        "optim": first.optim,
    }
    settings = {
        f"{t}.{name}": v for t, table in tables.items() for name, v in asdict(table).items()
    }
    modules = {f"model.{name}": type(part).__name__ for name, part in network.named_modules()}
    # a module's extra state may be anything
    state = network.state_dict().items()
    weights = {f"shape of {name}": part.shape for name, part in state if isinstance(part, Tensor)}
    return {
        "method": first.trainer.method,
        "trainer": type(first.trainer).__qualname__,
        "stages": {stage: list(blocks) for stage, blocks in first.stages},
        "seeds": [training.trainer.seed for training in trainings],
        "device": data.train.x.device.type,
        **settings,
        **modules,
        **weights,
        "samples": data.fingerprint(),
    }


def _check_identity(saved: State, expected: State) -> None:
    tables = {"objective": ObjectiveConfig, "optim": OptimConfig}
    defaults = {
        f"{t}.{k}": v for t, kind in tables.items() for k, v in with_defaults({}, kind).items()
    }
    saved = {**{name: defaults[name] for name in expected if name in defaults}, **saved}
    for name in {**expected, **saved}:
        if saved.get(name) != expected.get(name):
            advice = f"{name} {expected.get(name)} (train in another folder, or delete this one)"
            raise RunFolderError(f"{name} {saved.get(name)}", advice, "checkpoint")
