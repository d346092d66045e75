"""Nothing that happens once a step waits for the device, asks it what shape something has, or sends it anything."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ibtrain.config import OBJECTIVES, ObjectiveConfig, OptimConfig
from ibtrain.config.recipes import with_recipe
from ibtrain.data.dataset import Dataset, Split
from ibtrain.mi.bounds.registry import BOUNDS
from ibtrain.mi.neural.fit import NeuralSettings, fit_critic
from ibtrain.mi.neural.mine import InputMine, LabelMine
from ibtrain.mi.neural.preparation import Prepared, prepare
from ibtrain.mi.neural.scorer import Scorer
from ibtrain.mi.neural.splits import Splits, draw_splits
from ibtrain.mi.samples import check_samples
from ibtrain.models.mlp import mlp
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.lockstep import Lockstep
from ibtrain.train.loop import EpochLoop
from ibtrain.train.objectives import BlockObjective, BlockSpec, make_objective

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
        for name in ("tensor", "as_tensor", "from_numpy"):
            sending = getattr(torch, name)

            def making(*args: Any, sending: Any = sending, **more: Any) -> Any:
                waits.count += 1
                return sending(*args, **more)

            patch.setattr(torch, name, making)
        yield waits


def toy(steps: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8 * steps, 5, generator=generator)
    split = Split(x, torch.arange(8 * steps) % 3)
    return Dataset("toy", split, Split(split.x[:9], split.y[:9]), 3)


def layerwise(steps: int, objective: ObjectiveConfig | None = None) -> None:
    optim = with_recipe(OptimConfig(batch_size=8, epochs=1), "layerwise", "toy")
    LayerwiseTrainer(mlp(5, (6, 4), 3), objective, optim).fit(toy(steps))


with_relative_noise = partial(
    layerwise, objective=ObjectiveConfig(beta=(0.1,), noise_scale="relative")
)


def augmented(steps: int) -> None:
    """Of images, whose frozen first block is run on every batch."""
    data = toy(steps)
    splits = (replace(split, x=split.x.view(-1, 1, 5, 1)) for split in (data.train, data.test))
    optim = OptimConfig(batch_size=8, epochs=1, augment=("flip", "crop", "jitter"))
    LayerwiseTrainer(mlp(5, (6, 4), 3), None, optim).fit(Dataset("toy", *splits, 3))


def end_to_end(steps: int) -> None:
    EndToEndTrainer(mlp(5, (6, 4), 3), OptimConfig(batch_size=8, epochs=1)).fit(toy(steps))


def tracking(steps: int) -> None:
    split = toy(10).train
    for mine in (
        InputMine(5, [0.5], 0, torch.device("cpu")),
        LabelMine(5, torch.zeros(3), [0.5, 0.0], 0),
    ):
        mine._ascend(split.x.expand(len(mine.scales), -1, -1), split.y, torch.arange(80), steps, 8)


ESTIMATING: list[dict[str, Any]] = [
    {"method": "mine"},
    {"method": "smile"},
    {"method": "mine", "critic": "pair", "base": "gaussian", "negatives": 2},
    {"method": "mine", "base": "student", "negatives": 3},
    {"method": "mine", "base": "mixture"},
]


def ready(steps: int = 3, **options: Any) -> tuple[Prepared, Splits]:
    x, noise = np.random.default_rng(0).standard_normal((2, 200, 2))
    splits, *_ = draw_splits(200, 5, seed=0)
    settings = NeuralSettings(
        steps=steps, batch_size=16, hidden=(8,), checkpoint_every=99, **{"base": "none"} | options
    )
    samples = check_samples(x, x + noise)
    return prepare(samples, splits, settings, torch.device("cpu")), splits


@pytest.fixture(params=ESTIMATING, ids=lambda options: " ".join(map(str, options.values())))
def estimating(request: pytest.FixtureRequest) -> Callable[[int], None]:
    def run(steps: int) -> None:
        options = dict(request.param)
        bound = BOUNDS[options.pop("method")]
        made, splits = ready(steps, **options)
        fit_critic(
            made.critic, made.scorer, bound, splits.train, splits.select, made.settings, seed=0
        )

    return run


def waits(run: Callable[[int], None], steps: int) -> int:
    with counted() as found:
        run(steps)
    return found.count


OTHER_OBJECTIVES = [
    partial(layerwise, objective=ObjectiveConfig(name=name))
    for name in OBJECTIVES
    if name not in ("ib", "cross-entropy")
]


@pytest.mark.parametrize(
    "run", [layerwise, with_relative_noise, augmented, end_to_end, tracking, *OTHER_OBJECTIVES]
)
def test_a_longer_training_waits_no_more_often(run: Callable[[int], None]) -> None:
    assert waits(run, 9) == waits(run, 3) > 0


def test_a_longer_fit_waits_no_more_often(estimating: Callable[[int], None]) -> None:
    assert waits(estimating, 9) == waits(estimating, 3) > 0


ELSEWHERE = torch.device("meta")
"""Where nothing is computed, but what lies on the host is as far away as from any accelerator."""


class FromHost(TorchDispatchMode):
    """Names the operators that read a tensor of the host."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        leaves = tree_leaves((args, kwargs))
        if any(isinstance(leaf, Tensor) and leaf.device.type == "cpu" for leaf in leaves):
            self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def moved(scorer: Scorer) -> Scorer:
    tensors = {k: v.to(ELSEWHERE) for k, v in vars(scorer).items() if isinstance(v, Tensor)}
    return replace(scorer, **tensors)  # type: ignore[type-var]


@pytest.mark.parametrize("critic", ["pair", "separable"])
@pytest.mark.parametrize("base", ["none", "gaussian", "student", "mixture"])
@pytest.mark.parametrize("negatives", [None, 3])
def test_an_estimators_step_reads_nothing_from_the_host(
    critic: str, base: str, negatives: int | None
) -> None:
    made, *_ = ready(critic=critic, base=base, negatives=negatives)
    network, scorer = made.critic.to(ELSEWHERE), moved(made.scorer)
    index = torch.zeros(16, dtype=torch.long, device=scorer.device)
    bound = BOUNDS["mine"].loss(ELSEWHERE)
    # what is moved once is moved in the first step
    bound(*scorer.batch(network, index)).backward()
    with FromHost() as read:
        bound(*scorer.batch(network, index)).backward()
    assert read.names == []


def test_a_tracked_critics_step_reads_nothing_from_the_host() -> None:
    h, t = torch.randn(2, 2, 16, 5, device=ELSEWHERE)
    labels = torch.zeros(16, dtype=torch.long, device=ELSEWHERE)
    log_prior = torch.zeros(3, device=ELSEWHERE)
    for mine in (
        InputMine(5, [0.5, 2.0], 0, ELSEWHERE),
        LabelMine(5, log_prior, [0.5, 0.0], 0),
    ):
        with FromHost() as read:
            mine._bounds(h, t, labels).sum().backward()
        assert read.names == []


def of_block(noise_scale: str) -> BlockObjective:
    config = ObjectiveConfig(beta=(0.1,), noise_scale=noise_scale)
    spec = BlockSpec((6,), torch.zeros(3).to(ELSEWHERE), index=0, count=3)
    return make_objective("ib", mlp(5, (6, 4), 3)[0].to(ELSEWHERE), spec, config)


def of_network() -> BlockObjective:
    spec = BlockSpec((3,), torch.zeros(3).to(ELSEWHERE), 0, 1)
    network = mlp(5, (6, 4), 3).to(ELSEWHERE)
    return make_objective("cross-entropy", network, spec, ObjectiveConfig())


@pytest.mark.parametrize(
    "make",
    [partial(of_block, "absolute"), partial(of_block, "relative"), of_network],
    ids=["block", "block with relative noise", "network"],
)
def test_a_trainings_step_reads_nothing_from_the_host(
    make: Callable[[], BlockObjective], monkeypatch: pytest.MonkeyPatch
) -> None:
    # there are no generators elsewhere
    monkeypatch.setattr("ibtrain.train.loop.generator", lambda *_: torch.Generator())
    data = toy(4).to(ELSEWHERE).train
    optim = with_recipe(OptimConfig(batch_size=8, epochs=1), "layerwise", "toy")
    loop = EpochLoop(make(), data.x, data.y, optim, 0, torch.Generator())
    lockstep = Lockstep([loop])
    # no fused kernel either: others count their steps on the host
    monkeypatch.setattr(loop.optimizer, "step", lambda: None)
    batch = torch.zeros(8, dtype=torch.long, device=ELSEWHERE)
    with FromHost() as read:
        lockstep._step([batch])
        lockstep._step([batch])
    assert read.names == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("trainer", [LayerwiseTrainer, EndToEndTrainer])
def test_cuda_sees_no_step_wait(
    trainer: type[LayerwiseTrainer] | type[EndToEndTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    step, steps = Lockstep._step, []

    def watched(lockstep: Lockstep, batches: Sequence[Tensor]) -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            step(lockstep, batches)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        steps.append(batches)

    monkeypatch.setattr(Lockstep, "_step", watched)
    cuda = torch.device("cuda")
    optim = with_recipe(OptimConfig(batch_size=8, epochs=1), "layerwise", "toy")
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
