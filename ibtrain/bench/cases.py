"""The benchmark cases: critics, training, the exact reference with known noise, and a point of the plane."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from ibtrain.bench.measure import Call
from ibtrain.config import OptimConfig, PlaneConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.mi.bounds.registry import BOUNDS
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.neural.critics import DistanceCritic, PairCritic
from ibtrain.mi.neural.fit import NeuralSettings, fit_critic
from ibtrain.mi.neural.mine import InputMine, LabelMine
from ibtrain.mi.neural.preparation import prepare
from ibtrain.mi.neural.splits import draw_splits
from ibtrain.mi.samples import check_samples
from ibtrain.models.mlp import mlp
from ibtrain.plane.measures.mine import LayerCritics
from ibtrain.plane.measures.probe import LinearProbe
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.trainer import Trainer

__all__ = ["CASES", "Case", "estimator_case"]

STEPS_PER_CALL = 20
"""Optimiser steps in one call."""


@dataclass(frozen=True)
class Case:
    """A computation that is timed.

    Args:
        name: A word for the kind of computation, then its sizes.
        make: Prepares the computation on a device; returns the call.
        steps: Optimiser steps per call; 1 if there is no optimiser.
        samples: Samples per call.
    """

    name: str
    make: Callable[[torch.device], Call]
    steps: int
    samples: int


def _estimator(
    device: torch.device, method: str, dim: int, batch_size: int, settings: NeuralSettings
) -> Call:
    """Trains an estimator's critic on correlated Gaussians."""
    count = 5 * batch_size
    x, noise = np.random.default_rng(0).standard_normal((2, count, dim))
    samples = check_samples(x, x + noise)
    splits, *_ = draw_splits(count, 5, seed=0)
    prepared = prepare(samples, splits, settings, device)
    select = splits.select[:50]
    return lambda: fit_critic(
        prepared.critic,
        prepared.scorer,
        BOUNDS[method],
        splits.train,
        select,
        prepared.settings,
        seed=0,
    )


def estimator_case(
    method: str,
    dim: int = 20,
    *,
    batch_size: int = 256,
    hidden: tuple[int, ...] = (128, 128),
    critic: str = "separable",
    base: str = "none",
    negatives: int | None = None,
    steps: int = STEPS_PER_CALL,
) -> Case:
    """A case that trains an estimator's critic.

    The settings of the critic are those of :class:`~ibtrain.mi.neural.fit.NeuralSettings`.

    Args:
        method: Name of a neural estimator.
        dim: Dimension of x, and of y.
        batch_size: Samples per step.
        hidden: Widths of the hidden layers.
        critic: Kind of critic.
        base: Closed form from which the critic starts.
        negatives: Number of other y that each x is scored with; None is all of the batch.
        steps: Optimiser steps per call.
    """
    settings = NeuralSettings(
        critic=critic,
        base=base,
        negatives=negatives,
        hidden=hidden,
        batch_size=batch_size,
        steps=steps,
        checkpoint_every=steps,
    )
    widths = "-".join(map(str, hidden))
    suffix = "" if negatives is None else f" {negatives} negatives"
    sizes = f"{method} {dim}+{dim} {critic} {widths} batch {batch_size}{suffix}"
    make = partial(_estimator, method=method, dim=dim, batch_size=batch_size, settings=settings)
    name = f"estimator {sizes}" + ("" if base == "none" else f" on {base}")
    return Case(name, make, steps, steps * batch_size)


def _tracking(
    device: torch.device, count: int, dim: int, critic: Callable[[int], nn.Module]
) -> Call:
    mine = InputMine(dim, [0.5] * count, 0, device, critic)
    h = torch.randn(count, 2000, dim, device=device)
    labels = torch.zeros(2000, dtype=torch.long, device=device)
    return lambda: mine.fit(h, labels, steps=STEPS_PER_CALL, batch_size=256)


def _tracking_case(count: int, dim: int, hidden: tuple[int, ...] | None = None) -> Case:
    """A case that trains the plane's critics or, with ``hidden``, pair critics of these widths."""
    critic = DistanceCritic if hidden is None else partial(_pair_critic, hidden=hidden)
    kind = "distance" if hidden is None else "pair " + "-".join(map(str, hidden))
    name = f"tracking {count} x mine {dim}+{dim} {kind} batch 256"
    make = partial(_tracking, count=count, dim=dim, critic=critic)
    return Case(name, make, STEPS_PER_CALL, count * STEPS_PER_CALL * 256)


def _pair_critic(dim: int, hidden: tuple[int, ...]) -> PairCritic:
    return PairCritic(dim, dim, hidden, same_space=True)


def _label_tracking(device: torch.device, dim: int) -> Call:
    mine = LabelMine(dim, torch.full((10,), 0.1, device=device).log(), [0.5, 0.0], 0)
    h = torch.randn(2000, dim, device=device)
    labels = torch.arange(2000, device=device) % 10
    return lambda: mine.fit(h, labels, steps=STEPS_PER_CALL, batch_size=256)


def _images(device: torch.device, count: int) -> Dataset:
    """Random samples of MNIST's shape; the time of a step does not depend on the content."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 784, generator=generator).to(device)
    y = torch.randint(10, (count,), generator=generator).to(device)
    return Dataset("random", Split(x, y), Split(x[:100], y[:100]), 10)


def _training(
    device: torch.device, trainer: type[Trainer], batch_size: int, seeds: int, precision: str
) -> Call:
    data = _images(device, STEPS_PER_CALL * batch_size)
    optim = OptimConfig(learning_rate=1e-3, batch_size=batch_size, epochs=1, precision=precision)

    def train() -> object:
        models = [mlp(784, (500, 256), 10).to(device) for _ in range(seeds)]
        trainers = [trainer(model, optim=optim, seed=seed) for seed, model in enumerate(models)]
        return fit_ensemble(trainers, data)

    return train


def _training_cases(batch_size: int, seeds: int = 1, precision: str = "float32") -> list[Case]:
    # a case's name seeds its random numbers and identifies it in earlier records: it must not change
    trainers: dict[str, tuple[type[Trainer], int]] = {
        "layer-wise": (LayerwiseTrainer, 3),
        "end to end": (EndToEndTrainer, 1),
    }
    seeds_text = f"{seeds} seeds " if seeds > 1 else ""
    precision_text = f" {precision}" if precision != "float32" else ""
    return [
        Case(
            f"training {seeds_text}{name} 784-500-256-10 batch {batch_size}{precision_text}",
            partial(
                _training,
                trainer=trainer,
                batch_size=batch_size,
                seeds=seeds,
                precision=precision,
            ),
            stages * STEPS_PER_CALL,
            seeds * STEPS_PER_CALL * batch_size,
        )
        for name, (trainer, stages) in trainers.items()
    ]


def _channel(device: torch.device, count: int, dim: int) -> Call:
    h = torch.randn(count, dim, generator=torch.Generator().manual_seed(0)).to(device)
    labels = torch.arange(count, device=device) % 10
    return lambda: channel_mi(h, 0.5, labels)


def _point(device: torch.device, dim: int) -> Call:
    """Measures a point of the plane as a run does, from a layer's activations to its estimates."""
    config = PlaneConfig()
    h = torch.randn(config.train_samples, dim, device=device).relu()
    y = torch.arange(len(h), device=device) % 10
    held_out, y_held_out = h[: config.samples], y[: config.samples]
    critics = LayerCritics(dim, torch.full((10,), 0.1, device=device).log(), 0)
    probe = LinearProbe(dim, 10, device)
    critics.fit(h, y, 0.5, config)

    def measure() -> None:
        critics.fit(h, y, 0.5, config)
        critics.evaluate(held_out, y_held_out)
        channel_mi(held_out, 0.5, y_held_out)
        probe.fit(h, y)
        probe.accuracy(held_out, y_held_out)

    return measure


SMALL_HIDDEN = (64, 64)

CASES = (
    *(estimator_case(method) for method in BOUNDS),
    estimator_case("mine", base="gaussian"),
    *(estimator_case("mine", dim=dim) for dim in (2, 100)),
    *(estimator_case("mine", batch_size=size) for size in (64, 1024)),
    *(estimator_case("mine", hidden=(width, width)) for width in (64, 512)),
    *(_tracking_case(count, 10, SMALL_HIDDEN) for count in (1, 8, 64)),
    *(_tracking_case(1, dim) for dim in (10, 64, 500)),
    *(
        Case(
            f"tracking 2 x labels {dim}-256-10 batch 256",
            partial(_label_tracking, dim=dim),
            STEPS_PER_CALL,
            512 * STEPS_PER_CALL,
        )
        for dim in (64, 500)
    ),
    *_training_cases(128),
    *_training_cases(128, seeds=5),
    *_training_cases(512),
    *_training_cases(512, precision="bfloat16"),
    *(
        Case(f"channel {count} x {dim}", partial(_channel, count=count, dim=dim), 1, count)
        for count, dim in ((1000, 500), (4000, 10), (4000, 500))
    ),
    *(Case(f"plane point {dim} units", partial(_point, dim=dim), 1, 1) for dim in (10, 256, 500)),
)
"""All cases of ``ibtrain bench``."""
