"""What is timed: the critics, the blocks, the known-noise reference, and a point of the plane."""

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

STEPS = 20


@dataclass(frozen=True)
class Case:
    """Something that is timed.

    Args:
        name: What and how large: a word for the kind, then its sizes.
        make: Prepares it on a device; returns the call.
        steps: Of an optimiser, in one call; 1 where there is none.
        samples: That one call goes through.
    """

    name: str
    make: Callable[[torch.device], Call]
    steps: int
    samples: int


def _estimator(
    device: torch.device, method: str, dim: int, batch_size: int, settings: NeuralSettings
) -> Call:
    """Steps of an estimator's critic on correlated Gaussians."""
    count = 5 * batch_size
    x, noise = np.random.default_rng(0).standard_normal((2, count, dim))
    samples = check_samples(x, x + noise)
    splits, *_ = draw_splits(count, 5, seed=0)
    ready = prepare(samples, splits, settings, device)
    select = splits.select[:50]
    return lambda: fit_critic(
        ready.critic, ready.scorer, BOUNDS[method], splits.train, select, ready.settings, seed=0
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
    steps: int = STEPS,
) -> Case:
    """Steps of an estimator's critic.

    Args:
        method: A neural one.
        dim: Of x, and of y.
        batch_size: As in :class:`~ibtrain.mi.neural.fit.NeuralSettings`, and so are the others.
        hidden: Widths.
        critic: Its kind.
        base: Its closed form.
        negatives: Other y for each x.
        steps: In one call.
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
    others = "" if negatives is None else f" {negatives} negatives"
    sizes = f"{method} {dim}+{dim} {critic} {widths} batch {batch_size}{others}"
    make = partial(_estimator, method=method, dim=dim, batch_size=batch_size, settings=settings)
    name = f"estimator {sizes}" + ("" if base == "none" else f" on {base}")
    return Case(name, make, steps, steps * batch_size)


def _tracking(
    device: torch.device, count: int, dim: int, critic: Callable[[int], nn.Module]
) -> Call:
    mine = InputMine(dim, [0.5] * count, 0, device, critic)
    h = torch.randn(count, 2000, dim, device=device)
    labels = torch.zeros(2000, dtype=torch.long, device=device)
    return lambda: mine.fit(h, labels, steps=STEPS, batch_size=256)


def _tracking_case(count: int, dim: int, hidden: tuple[int, ...] | None = None) -> Case:
    """Of the plane's own critics or, with widths, of ones that read a pair."""
    critic = DistanceCritic if hidden is None else partial(_pair_critic, hidden=hidden)
    kind = "distance" if hidden is None else "pair " + "-".join(map(str, hidden))
    name = f"tracking {count} x mine {dim}+{dim} {kind} batch 256"
    make = partial(_tracking, count=count, dim=dim, critic=critic)
    return Case(name, make, STEPS, count * STEPS * 256)


def _pair_critic(dim: int, hidden: tuple[int, ...]) -> PairCritic:
    return PairCritic(dim, dim, hidden, same_space=True)


def _labels(device: torch.device, dim: int) -> Call:
    mine = LabelMine(dim, torch.full((10,), 0.1, device=device).log(), [0.5, 0.0], 0)
    h = torch.randn(2000, dim, device=device)
    labels = torch.arange(2000, device=device) % 10
    return lambda: mine.fit(h, labels, steps=STEPS, batch_size=256)


def _images(device: torch.device, count: int) -> Dataset:
    """Random samples of MNIST's shape; the time of a step does not depend on what they show."""
    randomness = torch.Generator().manual_seed(0)
    x = torch.randn(count, 784, generator=randomness).to(device)
    y = torch.randint(10, (count,), generator=randomness).to(device)
    return Dataset("random", Split(x, y), Split(x[:100], y[:100]), 10)


def _training(
    device: torch.device, trainer: type[Trainer], batch_size: int, seeds: int, precision: str
) -> Call:
    data = _images(device, STEPS * batch_size)
    optim = OptimConfig(learning_rate=1e-3, batch_size=batch_size, epochs=1, precision=precision)

    def train() -> object:
        models = [mlp(784, (500, 256), 10).to(device) for _ in range(seeds)]
        trainers = [trainer(model, optim=optim, seed=seed) for seed, model in enumerate(models)]
        return fit_ensemble(trainers, data)

    return train


def _training_cases(batch_size: int, seeds: int = 1, precision: str = "float32") -> list[Case]:
    trainers: dict[str, tuple[type[Trainer], int]] = {
        "layer-wise": (LayerwiseTrainer, 3),
        "end to end": (EndToEndTrainer, 1),
    }
    many = f"{seeds} seeds " if seeds > 1 else ""
    lower = f" {precision}" if precision != "float32" else ""
    return [
        Case(
            f"training {many}{name} 784-500-256-10 batch {batch_size}{lower}",
            partial(
                _training,
                trainer=trainer,
                batch_size=batch_size,
                seeds=seeds,
                precision=precision,
            ),
            stages * STEPS,
            seeds * STEPS * batch_size,
        )
        for name, (trainer, stages) in trainers.items()
    ]


def _channel(device: torch.device, count: int, dim: int) -> Call:
    h = torch.randn(count, dim, generator=torch.Generator().manual_seed(0)).to(device)
    labels = torch.arange(count, device=device) % 10
    return lambda: channel_mi(h, 0.5, labels)


def _point(device: torch.device, dim: int) -> Call:
    """A point of the plane as a run measures it, from a layer's activations to its estimates."""
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


SMALL = (64, 64)

CASES = (
    *(estimator_case(method) for method in BOUNDS),
    estimator_case("mine", base="gaussian"),
    *(estimator_case("mine", dim=dim) for dim in (2, 100)),
    *(estimator_case("mine", batch_size=size) for size in (64, 1024)),
    *(estimator_case("mine", hidden=(width, width)) for width in (64, 512)),
    *(_tracking_case(count, 10, SMALL) for count in (1, 8, 64)),
    *(_tracking_case(1, dim) for dim in (10, 64, 500)),
    *(
        Case(
            f"tracking 2 x labels {dim}-256-10 batch 256",
            partial(_labels, dim=dim),
            STEPS,
            512 * STEPS,
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
"""Everything that ``ibtrain bench`` times."""
