"""Settings and training of a critic, which starts from a closed form and learns its error."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ibtrain.backend.exchange import copy_from_first, from_first
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
"""Largest width of a critic's layer, and largest number of hidden layers: one layer then has a gigabyte of weights."""
MAX_BATCH = 1 << 14
"""Largest batch size: every x of a batch is scored with every y."""
WARM_UP_STEPS = 50
"""Steps of the linear warm-up of the learning rate."""
CLIP_NORM = 5.0
"""Largest norm of a gradient; longer ones are clipped."""


@dataclass(frozen=True)
class NeuralSettings:
    """Settings of a critic and its training.

    Args:
        folds: Number of critics. Each reports on the samples that were not used to fit it; a single one
            reports on a fifth of the samples, and its closed form, as a control variate, on all. None is one
            critic for a continuous y, and three for a label, whose critics train faster.
        critic: ``separable``, ``f(x) . g(y)``, whose cost for all pairs of a batch grows only with the number
            of samples; ``pair``, one network of x and y together; or ``auto``: ``pair``, with half the width and
            8 negatives, if x and y have at most three dimensions together, and ``separable`` otherwise.
        base: The closed form that the critic starts from: ``none``, ``gaussian`` or ``student`` (with
            ``-sparse`` or ``-low-rank`` for fewer correlations between x and y), ``mixture``, or ``auto``, which
            selects any of these but ``mixture`` by the value on the selection split. If there are at most
            twice as many training samples as dimensions, the closed form is ``none``.
        normal_scores: Whether each coordinate is mapped to a normal distribution or only standardised.
        hidden: Widths of the critic's hidden layers.
        embedding: Dimension of a separable critic's f and g.
        steps: Number of optimiser steps.
        batch_size: Samples per step.
        negatives: Number of other y that each x of a batch is scored with; None is all of them. The time of a
            ``pair`` critic grows with this number, that of a separable one does not.
        learning_rate: Peak learning rate of Adam, after a warm-up and before annealing to zero. None is 0.03
            divided by the dimensions of x and y together, but at least 1e-3; for a label it is 5e-3.
        weight_decay: Decoupled weight decay, as in AdamW.
        checkpoint_every: Number of steps between two checkpoints, which are evaluated on the selection split.
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
    """The critic of the checkpoint with the best value on the selection split.

    Args:
        critic: The critic with the averaged weights of the best checkpoint.
        curve: All checkpoints.
    """

    critic: nn.Module
    curve: list[CurvePoint]

    @property
    def best(self) -> CurvePoint:
        """The checkpoint whose weights were kept; step 0 is the closed form alone."""
        return best_of(self.curve)


class _Checkpoints:
    """Evaluates the critic on both splits, and keeps the weights with the best value on the selection split."""

    def __init__(
        self,
        averaged: nn.Module,
        evaluate: Callable[[nn.Module, Tensor], float],
        train: Tensor,
        select: Tensor,
        observers: Sequence[OnCheckpoint],
    ) -> None:
        self.averaged = averaged
        self.evaluate = evaluate
        # as many training samples as selection samples, so that both curves are equally noisy
        self.splits = train[: len(select)], select
        self.observers = observers
        self.curve: list[CurvePoint] = []
        self.best_weights: dict[str, Tensor] = {}

    def record(self, step: int) -> bool:
        """Adds a checkpoint; returns whether the fit should stop early."""
        # all processes stop at the same step, whatever their rounding
        train, select = from_first([self.evaluate(self.averaged, part) for part in self.splits])
        self.curve.append(CurvePoint(step, train, select))
        best = best_of(self.curve)
        if best is self.curve[-1]:
            self.best_weights = {k: v.clone() for k, v in self.averaged.state_dict().items()}
        for observer in self.observers:
            observer(self.curve[-1])
        return best.select - select > EARLY_STOP_GAP


def fit_critic(
    critic: nn.Module,
    scorer: Scorer,
    bound: Bound,
    train: Tensor,
    select: Tensor,
    settings: NeuralSettings,
    seed: int,
    observers: Sequence[OnCheckpoint] = (),
) -> FittedCritic:
    """Maximises the bound on the training split; keeps the checkpoint that is best on the selection split.

    Args:
        critic: The critic, whose scores are zero at the start: the first checkpoint is the closed form alone.
        scorer: Computes the scores of samples from their indices.
        bound: The bound that the critic reports. Training maximises ``bound.loss``, and checkpoints are
            compared by ``bound.selection``.
        train: Indices of the training split.
        select: Indices of the selection split.
        settings: Settings of the training, whose ``learning_rate`` is not None.
        seed: Seeds the order of the batches.
        observers: Called with each checkpoint.
    """

    def evaluate(module: nn.Module, split: Tensor) -> float:
        return scorer.value(module, split, bound.selection)

    def bound_on(batch: Tensor) -> Tensor:
        return loss(*scorer.batch(critic, batch))

    train, select = train.to(scorer.device), select.to(scorer.device)
    loss = bound.loss(scorer.device)
    averaged = copy.deepcopy(critic).requires_grad_(False)
    weights = flatten(critic.parameters())
    average = WeightAverage(flatten(averaged.parameters()), weights)
    checkpoints = _Checkpoints(averaged, evaluate, train, select, observers)
    checkpoints.record(0)
    batches = _batches(train, settings.batch_size, generator(train.device, seed, "critic batches"))
    assert settings.learning_rate is not None
    ascent = Ascent(
        settings.steps, settings.learning_rate, WARM_UP_STEPS, settings.weight_decay, CLIP_NORM
    )
    for step, _ in enumerate(ascend(bound_on, weights, batches, ascent), 1):
        average.count_step()
        if step % settings.checkpoint_every == 0 or step == settings.steps:
            average.catch_up()
            if checkpoints.record(step):
                break
    critic.load_state_dict(checkpoints.best_weights)
    copy_from_first(list(critic.parameters()))
    return FittedCritic(critic, checkpoints.curve)


def _batches(
    train: Tensor, batch_size: int, randomness: torch.Generator
) -> Iterator[tuple[Tensor]]:
    """Random batches, each sample once per epoch: the true pair of a sample is never among its negatives."""
    size = min(batch_size, len(train))
    while True:
        order = torch.randperm(len(train), generator=randomness, device=train.device)
        for batch in train[order[: len(train) - len(train) % size]].split(size):
            yield (batch,)
