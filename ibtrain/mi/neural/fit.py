"""Neural estimators: a closed form, a critic that learns its error, and three splits of the samples."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ibtrain.backend.optim import flatten
from ibtrain.backend.seeding import generator
from ibtrain.checks import check_choice, check_integer, check_number
from ibtrain.errors import ConfigError
from ibtrain.mi.bounds.base import Bound
from ibtrain.mi.neural.ascent import Ascent, ascend
from ibtrain.mi.neural.average import WeightAverage
from ibtrain.mi.neural.convergence import EARLY_STOP_GAP, CurvePoint, best_of
from ibtrain.mi.neural.scorer import Scorer

__all__ = [
    "FittedCritic",
    "NeuralSettings",
    "fit_critic",
]

CRITICS = ("auto", "separable", "pair")
BASES = (
    "auto",
    "none",
    "gaussian",
    "gaussian-sparse",
    "gaussian-low-rank",
    "student",
    "student-sparse",
    "student-low-rank",
    "mixture",
)
MAX_WIDTH, MAX_HIDDEN = 1 << 14, 64
"""Units of a critic's layer, and its hidden layers: the weights of one layer take a gigabyte."""
MAX_BATCH = 1 << 14
"""Samples, every x of which meets every y."""
WARM_UP = 50
"""Steps in which the learning rate rises."""
CLIP_NORM = 5.0
"""Largest norm of a gradient."""


@dataclass(frozen=True)
class NeuralSettings:
    """How a critic is built and fitted.

    Args:
        folds: Critics, of which each reports on the share of the samples that it never met; a
            single one on a fifth of them, steadied by its closed form on all. None is one for a
            continuous y, and three for a label, whose critic is fitted sooner.
        critic: ``separable``, ``f(x) . g(y)``: all pairs of a batch for the price of its samples;
            ``pair``, one network that reads both; or ``auto``: ``pair``, of half the width and with
            8 negatives, where x and y have at most three dimensions together, and ``separable`` elsewhere.
        base: The closed form that the critic starts from: ``none``, ``gaussian`` or ``student`` (with
            ``-sparse`` or ``-low-rank`` for fewer correlations between x and y), ``mixture``, or
            ``auto``, which of all but the last the selection split likes best. With no more than twice
            as many training samples as dimensions it is ``none``.
        normal_scores: Whether each coordinate is mapped to the normal distribution first, or only
            standardised.
        hidden: Widths of the critic's hidden layers.
        embedding: Dimension of a separable critic's f and g.
        steps: Optimiser steps.
        batch_size: Samples a step.
        negatives: Other y that each x of a batch meets; None is all of them. A ``pair`` critic pays
            for each, a separable one for none.
        learning_rate: Adam's at its highest; it is warmed up and then annealed to zero. None is 0.03 over
            the dimensions of x and y together, but at least 1e-3; for a label it is 5e-3.
        weight_decay: Decoupled, as AdamW has it.
        checkpoint_every: Steps between two looks at the selection split.
    """

    folds: int | None = None
    critic: str = "auto"
    base: str = "auto"
    normal_scores: bool = True
    hidden: tuple[int, ...] = (128, 128)
    embedding: int = 32
    steps: int = 1200
    batch_size: int = 256
    negatives: int | None = None
    learning_rate: float | None = None
    weight_decay: float = 1e-4
    checkpoint_every: int = 50

    def __post_init__(self) -> None:
        check_choice("critic", self.critic, CRITICS)
        check_choice("base", self.base, BASES)
        for name in ("folds", "negatives"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), 1)
        for name in ("steps", "checkpoint_every"):
            check_integer(name, getattr(self, name), 1)
        check_integer("embedding", self.embedding, 1, MAX_WIDTH)
        check_integer("batch_size", self.batch_size, 2, MAX_BATCH)
        if not isinstance(self.hidden, tuple) or not self.hidden:
            raise ConfigError(
                repr(self.hidden), "a width for each hidden layer, as a tuple", "hidden"
            )
        if len(self.hidden) > MAX_HIDDEN:
            raise ConfigError(f"{len(self.hidden)} widths", f"at most {MAX_HIDDEN}", "hidden")
        for width in self.hidden:
            check_integer("hidden", width, 1, MAX_WIDTH)
        if self.learning_rate is not None:
            check_number("learning_rate", self.learning_rate, above=0)
        check_number("weight_decay", self.weight_decay, 0)


OnCheckpoint = Callable[[CurvePoint], None]


@dataclass(frozen=True)
class FittedCritic:
    """The critic that the selection split chose.

    Args:
        critic: With the averaged weights of its best moment.
        curve: Every checkpoint.
    """

    critic: nn.Module
    curve: list[CurvePoint]

    @property
    def best(self) -> CurvePoint:
        """The checkpoint that was kept; step 0 is the closed form alone."""
        return best_of(self.curve)


class _Checkpoints:
    """Looks at both splits from time to time, and keeps the weights that select best."""

    def __init__(
        self,
        averaged: nn.Module,
        look: Callable[[nn.Module, Tensor], float],
        train: Tensor,
        select: Tensor,
        on_checkpoint: OnCheckpoint | None,
    ) -> None:
        self.averaged = averaged
        self.look = look
        # as many training as selection samples, so that the two curves have the same noise
        self.splits = train[: len(select)], select
        self.on_checkpoint = on_checkpoint
        self.curve: list[CurvePoint] = []
        self.kept: dict[str, Tensor] = {}

    def is_hopeless(self, step: int) -> bool:
        """Takes a look; says whether the selection split has lost too much to go on."""
        train, select = (self.look(self.averaged, part) for part in self.splits)
        self.curve.append(CurvePoint(step, train, select))
        best = best_of(self.curve)
        if best is self.curve[-1]:
            self.kept = {k: v.clone() for k, v in self.averaged.state_dict().items()}
        if self.on_checkpoint:
            self.on_checkpoint(self.curve[-1])
        return best.select - select > EARLY_STOP_GAP


def fit_critic(
    critic: nn.Module,
    scorer: Scorer,
    bound: Bound,
    train: Tensor,
    select: Tensor,
    settings: NeuralSettings,
    seed: int,
    on_checkpoint: OnCheckpoint | None = None,
) -> FittedCritic:
    """Ascends the bound on the training split; keeps what is best on the selection split.

    Args:
        critic: Scores zero at the start, so that the first checkpoint is the closed form alone.
        scorer: Scores samples, by their indices.
        bound: What the critic reports: it ascends the bound's loss, and its checkpoints are compared by the
            bound's selection.
        train: Indices of the training split.
        select: Indices of the selection split.
        settings: Steps, batches, rates; none of them left to be chosen.
        seed: Of the batches.
        on_checkpoint: Called with each checkpoint.
    """

    def look(module: nn.Module, part: Tensor) -> float:
        return scorer.value(module, part, bound.selection)

    def bound_on(batch: Tensor) -> Tensor:
        return loss(*scorer.batch(critic, batch))

    train, select = train.to(scorer.device), select.to(scorer.device)
    loss = bound.loss(scorer.device)
    averaged = copy.deepcopy(critic).requires_grad_(False)
    weights = flatten(critic.parameters())
    average = WeightAverage(flatten(averaged.parameters()), weights)
    checkpoints = _Checkpoints(averaged, look, train, select, on_checkpoint)
    checkpoints.is_hopeless(0)
    batches = _batches(train, settings.batch_size, generator(train.device, seed, "critic batches"))
    assert settings.learning_rate is not None
    ascent = Ascent(
        settings.steps, settings.learning_rate, WARM_UP, settings.weight_decay, CLIP_NORM
    )
    for step, _ in enumerate(ascend(bound_on, weights, batches, ascent), 1):
        average.count_step()
        if step % settings.checkpoint_every == 0 or step == settings.steps:
            average.catch_up()
            if checkpoints.is_hopeless(step):
                break
    critic.load_state_dict(checkpoints.kept)
    return FittedCritic(critic, checkpoints.curve)


def _batches(
    train: Tensor, batch_size: int, randomness: torch.Generator
) -> Iterator[tuple[Tensor]]:
    """Every sample once an epoch: no sample's own pair turns up among its negatives."""
    size = min(batch_size, len(train))
    while True:
        order = torch.randperm(len(train), generator=randomness, device=train.device)
        for batch in train[order[: len(train) - len(train) % size]].split(size):
            yield (batch,)
