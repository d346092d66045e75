"""Runs critics, trainers and planes on the CPU and on a device beside it; prints what both say.

A device can be registered once in a process, and shows everywhere in it: this is a process of its own.
"""

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from device import ELSEWHERE, crossings

from ibtrain.backend import cuda_graphs, seeding

CPU = torch.device("cpu")
Case = Callable[[torch.device], list[float]]
crossed: list[int] = []
"""Of each step elsewhere, how many numbers and tensors it had cross."""


def generator(device: torch.device, seed: int, *purpose: str | int) -> torch.Generator:
    """There are no generators elsewhere; the host's will do, and draw the same for both."""
    return torch.Generator().manual_seed(seeding.derive_seed(seed, *purpose))


def watched(
    step: cuda_graphs.Step, device: torch.device, generators: Sequence[torch.Generator] = ()
) -> cuda_graphs.Step:
    def call(*inputs: torch.Tensor) -> torch.Tensor:
        before = sum(crossings())
        result = step(*inputs)
        if device == ELSEWHERE:
            crossed.append(sum(crossings()) - before)
        return result

    return call


# before anything takes them from there
seeding.generator = generator
cuda_graphs.graphed = watched

from ibtrain.config import ObjectiveConfig, OptimConfig, PlaneConfig  # noqa: E402
from ibtrain.data.dataset import Dataset, Split  # noqa: E402
from ibtrain.mi.bounds.registry import BOUNDS  # noqa: E402
from ibtrain.mi.channel.bounds import channel_bounds  # noqa: E402
from ibtrain.mi.registry import estimate  # noqa: E402
from ibtrain.models.mlp import mlp  # noqa: E402
from ibtrain.plane.tracker import InformationPlane  # noqa: E402
from ibtrain.train.end_to_end import EndToEndTrainer  # noqa: E402
from ibtrain.train.fit import fit_ensemble  # noqa: E402
from ibtrain.train.layerwise import LayerwiseTrainer  # noqa: E402

PLANE = PlaneConfig(
    points=3, samples=50, train_samples=80, critic_steps=5, batch_size=16, audit_every=1
)
OPTIM = OptimConfig(batch_size=32, epochs=2)


def estimating(device: torch.device, method: str, *, is_label: bool, **options: Any) -> list[float]:
    x, noise = np.random.default_rng(0).standard_normal((2, 300, 3))
    y = (x[:, 0] > 0).astype(int) if is_label else x + noise
    settings = {"steps": 12, "batch_size": 32, "hidden": (8,), "checkpoint_every": 6, **options}
    found = estimate(x, y, method, seed=0, device=device.type, **settings)
    return [found.mi, found.stderr]


def training(device: torch.device, method: str, seeds: int, **objective: Any) -> list[float]:
    """Of every seed: the plane's estimates, the accuracies, and every epoch's figures."""
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0)
    data = Dataset("toy", Split(x[:300], y[:300]), Split(x[300:], y[300:]), 3).to(device)
    planes = [InformationPlane(data, 0.5, config=PLANE, seed=seed) for seed in range(seeds)]
    trainers: list[Any] = []
    for seed, plane in enumerate(planes):
        torch.manual_seed(seed)
        model, more = mlp(6, (5, 4), 3).to(device), {"seed": seed, "callbacks": [plane]}
        trainers.append(
            LayerwiseTrainer(model, ObjectiveConfig(beta=(1e-2,), **objective), OPTIM, **more)
            if method == "layerwise"
            else EndToEndTrainer(model, OPTIM, **more)
        )
    results = fit_ensemble(trainers, data)
    points = [vars(point).values() for plane in planes for point in plane.points]
    estimates = [value.mi for values in points for value in values if hasattr(value, "mi")]
    accuracies = [value for result in results for value in result.accuracies.values()]
    history = [record for result in results for record in result.history]
    return [*estimates, *accuracies, *(v for record in history for v in record.metrics.values())]


def predicting(device: torch.device) -> list[float]:
    """From arrays, of a network on the device, which predicts what the training reported."""
    x = np.random.default_rng(0).standard_normal((300, 6))
    y = np.where(x[:, 0] > 0, "right", "left")
    torch.manual_seed(0)
    trainer = LayerwiseTrainer(mlp(6, (5, 4), 2).to(device), optim=OPTIM)
    result = trainer.fit(x[100:], y[100:], test=(x[:100], y[:100]))
    assert result.score(x[:100], y[:100]) == result.accuracies["test"]
    probabilities: list[float] = result.predict_proba(x)[:, 0].tolist()
    return probabilities


def bounding(device: torch.device) -> list[float]:
    h = torch.randn(100, 6, generator=torch.Generator().manual_seed(0)).to(device)
    found = channel_bounds(h, noise_std=0.5)
    return [found.lower.mi, found.value.mi, found.upper.mi]


CASES: dict[str, Case] = {
    **{
        f"{method}, {kind}": partial(estimating, method=method, is_label=kind == "label")
        for method in BOUNDS
        for kind in ("continuous", "label")
    },
    **{
        f"mine, {base}, {critic}, {negatives} negatives": partial(
            estimating, method="mine", is_label=False, base=base, critic=critic, negatives=negatives
        )
        for base in ("none", "gaussian", "student", "mixture")
        for critic in ("pair", "separable")
        for negatives in (None, 2)
    },
    "channel_bounds": bounding,
    "predictions": predicting,
    "layerwise": partial(training, method="layerwise", seeds=1),
    "layerwise, two seeds": partial(training, method="layerwise", seeds=2),
    "layerwise, relative": partial(training, method="layerwise", seeds=1, noise_scale="relative"),
    "layerwise, cross-entropy": partial(
        training, method="layerwise", seeds=1, readout="cross-entropy"
    ),
    "end to end": partial(training, method="end_to_end", seeds=1),
    "end to end, two seeds": partial(training, method="end_to_end", seeds=2),
}


def compared(case: Case) -> dict[str, Any]:
    """What a case gives on both, and what crossed in its steps."""
    crossed.clear()
    cpu, elsewhere = case(CPU), case(ELSEWHERE)
    return {"cpu": cpu, "elsewhere": elsewhere, "steps": len(crossed), "crossed": sum(crossed)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    json.dump({name: compared(case) for name, case in CASES.items()}, sys.stdout)
