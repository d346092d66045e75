"""Steps that are recorded and replayed train as those that are done as written.

No CUDA device is needed: a tape of the operators stands in for the graph.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from tape import Tape
from torch import Tensor

from ibtrain.backend import cuda_graphs
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.mi.bounds.registry import BOUNDS
from ibtrain.mi.neural.critics import DistanceCritic
from ibtrain.mi.neural.mine import InputMine, LabelMine
from ibtrain.mi.registry import estimate
from ibtrain.models.mlp import mlp
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer

CPU = torch.device("cpu")
STEPS = 10
Figures = list[Tensor]
"""Weights, and what was told of them."""


def data(*shape: int) -> Dataset:
    x = torch.randn(8 * STEPS, 5, generator=torch.Generator().manual_seed(0))
    split = Split(x.view(-1, *(shape or (5,))), (x[:, 0] > 0).long() + (x[:, 1] > 0))
    return Dataset("toy", split, split, 3)


def training(
    device: torch.device, method: str, seeds: int, noise_scale: str = "absolute", **optim: Any
) -> Figures:
    """The weights and figures of two epochs, whose rate changes from step to step."""
    config = OptimConfig(**{"batch_size": 8, "epochs": 2, "learning_rate": 1e-2} | optim)
    objective = ObjectiveConfig(beta=(1e-2,), noise_scale=noise_scale)
    trainers: list[Any] = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        model = mlp(5, (6, 4), 3).to(device)
        trainers.append(
            LayerwiseTrainer(model, objective, config, seed=seed)
            if method == "layerwise"
            else EndToEndTrainer(model, config, seed=seed)
        )
    shape = (1, 1, 5) if config.augment else (5,)
    results = fit_ensemble(trainers, data(*shape).to(device))
    weights = [weight.detach() for result in results for weight in result.network.parameters()]
    figures = [
        own for result in results for record in result.history for own in record.metrics.items()
    ]
    assert len({name for name, _ in figures}) >= 2
    return [*weights, torch.tensor([value for _, value in figures])]


def tracking(device: torch.device, kind: str) -> Figures:
    """Two fits of two critics each, the second from where the first ended."""
    train = data().to(device).train
    mine: InputMine | LabelMine = (
        InputMine(5, [0.5, 2.0], 0, device, DistanceCritic)
        if kind == "input"
        else LabelMine(5, torch.full((3,), 1 / 3, device=device).log(), [0.5, 0.0], 0)
    )
    for factor in (1, 2):
        mine.fit(factor * train.x, train.y, steps=STEPS, batch_size=16)
    found = mine.evaluate(3 * train.x, train.y, ceiling=10.0)
    weights = [weight.detach() for weight in mine.parameters()]
    return [*weights, torch.tensor([own.mi for own in found])]


def estimating(
    device: torch.device, method: str, *, is_label: bool = False, **more: Any
) -> Figures:
    x, noise = np.random.default_rng(0).standard_normal((2, 200, 2))
    y = (x[:, 0] > 0).astype(int) if is_label else x + noise
    options = {"steps": 30, "batch_size": 16, "hidden": (8,), "checkpoint_every": 10, **more}
    found = estimate(x, y, method, seed=0, device=device.type, **options)
    return [torch.tensor([found.mi, found.stderr])]


CASES: dict[str, Callable[[torch.device], Figures]] = (
    {
        "layer by layer": partial(training, method="layerwise", seeds=1),
        "layer by layer, two seeds": partial(training, method="layerwise", seeds=2),
        "end to end": partial(training, method="end_to_end", seeds=1),
        "end to end, two seeds": partial(training, method="end_to_end", seeds=2),
        "augmented, two seeds": partial(
            training, method="layerwise", seeds=2, augment=("flip", "crop", "jitter")
        ),
        "in bfloat16": partial(training, method="end_to_end", seeds=1, precision="bfloat16"),
        "critics of the input": partial(tracking, kind="input"),
        "critics of the label": partial(tracking, kind="label"),
    }
    | {f"estimating by {method}": partial(estimating, method=method) for method in BOUNDS}
    | {
        "relative noise": partial(training, method="layerwise", seeds=1, noise_scale="relative"),
        "estimating with pairs": partial(estimating, method="mine", critic="pair", negatives=2),
        "estimating on a mixture": partial(estimating, method="mine", base="mixture", negatives=3),
        "estimating of a label": partial(estimating, method="mine", is_label=True),
    }
)


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_step_does_what_is_written(name: str, tape: pytest.MonkeyPatch) -> None:
    found = CASES[name](CPU)
    assert Tape.replays >= STEPS - cuda_graphs.WARM_UP_STEPS
    replays = Tape.replays
    tape.setattr(cuda_graphs, "WARM_UP_STEPS", 10**9)
    expected = CASES[name](CPU)
    assert Tape.replays == replays
    for own, other in zip(found, expected, strict=True):
        assert torch.equal(own, other)


@pytest.mark.parametrize("name", CASES)
def test_a_rate_kept_on_the_device_trains_alike(name: str, tape: pytest.MonkeyPatch) -> None:
    found = CASES[name](CPU)
    replays = Tape.replays
    with cuda_graphs.cuda_graphs(False):
        expected = CASES[name](CPU)
    # not its weights: one whose gradient is rounding alone goes where rounding has it go
    torch.testing.assert_close(found[-1], expected[-1], atol=1e-4, rtol=1e-4)
    assert Tape.replays == replays > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", CASES)
def test_a_graph_does_what_is_written(name: str) -> None:
    cuda = torch.device("cuda")
    expected = CASES[name](cuda)[-1]
    with cuda_graphs.cuda_graphs():
        torch.testing.assert_close(CASES[name](cuda)[-1], expected, atol=1e-3, rtol=1e-3)


def test_steps_are_recorded_on_cuda_only_and_on_request_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def step() -> Tensor:
        return torch.zeros(())

    with cuda_graphs.cuda_graphs():
        assert cuda_graphs.graphed(step, CPU) is step
    monkeypatch.setattr(cuda_graphs, "DEVICE_TYPE", "cpu")
    monkeypatch.setattr(cuda_graphs, "CudaGraph", Tape)
    assert cuda_graphs.graphed(step, CPU) is step
    with cuda_graphs.cuda_graphs():
        assert cuda_graphs.graphed(step, CPU) is not step
        with cuda_graphs.cuda_graphs(False):
            assert cuda_graphs.graphed(step, CPU) is step
        assert cuda_graphs.graphed(step, CPU) is not step
    assert cuda_graphs.graphed(step, CPU) is step


def test_what_a_step_keeps_on_the_host_is_frozen(tape: pytest.MonkeyPatch) -> None:
    """The tape forgets Python, as a graph does: without this the tests above would say nothing."""
    total, count = torch.zeros(()), 0

    def step() -> Tensor:
        nonlocal count
        count += 1
        return total.add_(count)

    recorded = cuda_graphs.graphed(step, CPU)
    values = [recorded().item() for _ in range(7)]
    assert values == [1, 3, 6, 10, 14, 18, 22]


def test_what_a_replay_returned_stays_as_it_was(tape: pytest.MonkeyPatch) -> None:
    recorded = cuda_graphs.graphed(lambda x: x * 2, CPU)
    kept = [recorded(torch.tensor(float(x))) for x in range(7)]
    assert [own.item() for own in kept] == [0, 2, 4, 6, 8, 10, 12]
