"""Nothing that happens once a step waits for the device or asks it what shape something has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ibtrain.config import OptimConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.mi.mine import InputMine, LabelMine
from ibtrain.mi.neural import BOUNDS, NeuralSettings, fit_critic
from ibtrain.mi.preparation import prepare
from ibtrain.mi.samples import check_samples
from ibtrain.mi.splits import draw_splits
from ibtrain.models.mlp import mlp
from ibtrain.train.endtoend import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.loop import EpochLoop

WAITING = {
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "unique_consecutive",
    "_unique2",
}
"""Operators that read a value on the host, or whose result's shape depends on one."""


class Waits(TorchDispatchMode):
    """Counts the operators of :data:`WAITING`, and copies to the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        device = (kwargs or {}).get("device")
        to_cpu = name == "_to_copy" and device is not None and torch.device(device).type == "cpu"
        masks = [
            index
            for index in (args[1] if name in ("index", "index_put", "index_put_") else ())
            if isinstance(index, Tensor) and index.dtype == torch.bool
        ]
        self.count += name in WAITING or to_cpu or bool(masks)
        return func(*args, **(kwargs or {}))


@contextmanager
def counted() -> Iterator[Waits]:
    """Counts what the dispatcher sees, and the calls that read a tensor past it."""
    with Waits() as waits, pytest.MonkeyPatch.context() as patch:
        for name in ("tolist", "numpy", "cpu"):
            original = getattr(Tensor, name)

            def reading(tensor: Tensor, *args: Any, original: Any = original, **more: Any) -> Any:
                waits.count += 1
                return original(tensor, *args, **more)

            patch.setattr(Tensor, name, reading)
        yield waits


def toy(steps: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8 * steps, 5, generator=generator)
    split = Split(x, torch.arange(8 * steps) % 3)
    return Dataset("toy", split, Split(split.x[:9], split.y[:9]), 3)


def layerwise(steps: int) -> None:
    optim = OptimConfig(batch_size=8, epochs=1)
    LayerwiseTrainer(mlp(5, (6, 4), 3), optim=optim).fit(toy(steps))


def end_to_end(steps: int) -> None:
    EndToEndTrainer(mlp(5, (6, 4), 3), OptimConfig(batch_size=8, epochs=1)).fit(toy(steps))


def tracking(steps: int) -> None:
    split = toy(10).train
    for mine in (
        InputMine(5, [0.5], 0, torch.device("cpu")),
        LabelMine(5, torch.zeros(3), [0.5, 0.0], 0),
    ):
        mine._ascend(split.x.expand(len(mine.scales), -1, -1), split.y, torch.arange(80), steps, 8)


@pytest.fixture(params=["mine", "smile"])
def estimating(request: pytest.FixtureRequest) -> Callable[[int], None]:
    x, y = np.random.default_rng(0).standard_normal((2, 200, 2))
    samples = check_samples(x, y)
    splits, *_ = draw_splits(200, 5, seed=0)

    def run(steps: int) -> None:
        settings = NeuralSettings(steps=steps, batch_size=16, hidden=(8,), checkpoint_every=99)
        ready = prepare(samples, splits, settings, torch.device("cpu"))
        bounds = BOUNDS[request.param]
        fit_critic(
            ready.critic, ready.scorer, bounds, splits.train, splits.select, settings, seed=0
        )

    return run


def waits(run: Callable[[int], None], steps: int) -> int:
    with counted() as found:
        run(steps)
    return found.count


@pytest.mark.parametrize("run", [layerwise, end_to_end, tracking])
def test_a_longer_training_waits_no_more_often(run: Callable[[int], None]) -> None:
    assert waits(run, 9) == waits(run, 3) > 0


def test_a_longer_fit_waits_no_more_often(estimating: Callable[[int], None]) -> None:
    assert waits(estimating, 9) == waits(estimating, 3) > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("trainer", [LayerwiseTrainer, EndToEndTrainer])
def test_cuda_sees_no_step_wait(
    trainer: type[LayerwiseTrainer] | type[EndToEndTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    step, steps = EpochLoop._step, []

    def watched(loop: EpochLoop, batch: Tensor) -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            step(loop, batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        steps.append(batch)

    monkeypatch.setattr(EpochLoop, "_step", watched)
    cuda = torch.device("cuda")
    optim = OptimConfig(batch_size=8, epochs=1)
    trainer(mlp(5, (6, 4), 3).to(cuda), optim=optim).fit(toy(4).to(cuda))
    assert len(steps) == (12 if trainer is LayerwiseTrainer else 4)


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.sum() > 0),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
    ],
)
def test_what_waits_is_seen(wait: Callable[[Tensor], Any]) -> None:
    with counted() as found:
        wait(torch.randn(4))
    assert found.count
