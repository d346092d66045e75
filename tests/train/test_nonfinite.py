"""NaN, infinity, bounds beyond their ceilings, and memory that runs out."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ibtrain.backend.memory import memory_advice
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import NonFiniteError, OutOfMemoryError
from ibtrain.train.callbacks import Event
from ibtrain.train.divergence import ceilings, divergence_flags
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer

OPTIM = OptimConfig(learning_rate=1e-2, batch_size=50, epochs=2)


class Poison(torch.autograd.Function):
    """Passes values on, and breaks either them or their gradients."""

    @staticmethod
    def forward(ctx: object, x: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        ctx.save_for_backward(backward)  # type: ignore[attr-defined]
        return x + forward

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (poison,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradient + poison, None, None


class Fuse(nn.Module):
    """Breaks a training at one of its calls in training mode.

    Args:
        at: Which, from 1.
        value: With what.
        gradient: Whether the gradient, and not the output.
    """

    def __init__(self, at: int, value: float, *, gradient: bool = False) -> None:
        super().__init__()
        self.at, self.value, self.gradient, self.calls = at, value, gradient, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        poison = torch.tensor(self.value if self.training and self.calls == self.at else 0.0)
        good = torch.zeros(())
        found: Tensor = Poison.apply(x, *((good, poison) if self.gradient else (poison, good)))
        return found


def network(fuse: Fuse) -> nn.Sequential:
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(6, 8), fuse, nn.Tanh())
    return nn.Sequential(first, nn.Linear(8, 3))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_the_step_and_the_term_are_named(toy: Dataset, value: float) -> None:
    where = "end_to_end, network: cross_entropy became nan in epoch 2, step 3, seed 4"
    with pytest.raises(NonFiniteError, match=where):
        EndToEndTrainer(network(Fuse(11, torch.nan)), OPTIM, seed=4).fit(toy)
    where = r"end_to_end, network: gradient became (nan|inf) in epoch 1, step 2, seed 0"
    with pytest.raises(NonFiniteError, match=where):
        EndToEndTrainer(network(Fuse(2, value, gradient=True)), OPTIM).fit(toy)


def test_the_block_and_the_bound_are_named(toy: Dataset) -> None:
    objective = ObjectiveConfig(beta=(0.1,))
    with pytest.raises(
        NonFiniteError, match="layerwise, layer0: mi_hy became nan in epoch 1, step 3"
    ):
        LayerwiseTrainer(network(Fuse(3, torch.nan)), objective, OPTIM).fit(toy)


SGD = replace(OPTIM, optimizer="sgd", learning_rate=0.1, momentum=0.9)


@pytest.mark.parametrize("settings", [OPTIM, SGD], ids=["adam", "sgd"])
@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("kind", [EndToEndTrainer, LayerwiseTrainer])
def test_a_step_that_is_skipped_is_counted_and_leaves_the_weights_alone(
    toy: Dataset,
    kind: type[EndToEndTrainer] | type[LayerwiseTrainer],
    gradient: bool,
    settings: OptimConfig,
) -> None:
    before: list[Tensor] = []
    optim = replace(settings, on_nonfinite="skip")
    fuse = Fuse(3, torch.nan, gradient=gradient)
    model = network(fuse)
    model[0].register_forward_pre_hook(
        lambda *_: before.append(model[0][0].weight.detach().clone()) if model.training else None
    )
    result = kind(model, optim=optim).fit(toy)
    counts = [epoch.metrics["skipped_steps"] for epoch in result.history]
    assert counts[:2] == [1.0, 0.0]
    assert all(torch.isfinite(value).all() for value in result.network.state_dict().values())
    assert result.accuracies["test"] > 0.6
    if kind is EndToEndTrainer:
        # the model is called twice before it is trained; step 3 leaves its weights to step 4
        assert not torch.equal(before[3], before[4])
        assert torch.equal(before[4], before[5])
        assert not torch.equal(before[5], before[6])


def test_the_seed_that_broke_is_named_among_several(toy: Dataset) -> None:
    trainers = [
        EndToEndTrainer(network(fuse), OPTIM, seed=seed)
        for seed, fuse in ((5, Fuse(0, 0.0)), (7, Fuse(2, torch.nan)))
    ]
    with pytest.raises(NonFiniteError, match="cross_entropy became nan in epoch 1, step 2, seed 7"):
        fit_ensemble(trainers, toy)


def test_a_step_that_one_network_skips_is_taken_by_the_others(toy: Dataset) -> None:
    optim = replace(OPTIM, on_nonfinite="skip")

    def trainers() -> list[EndToEndTrainer]:
        fuses = ((5, Fuse(0, 0.0)), (7, Fuse(2, torch.nan)))
        return [EndToEndTrainer(network(fuse), optim, seed=seed) for seed, fuse in fuses]

    together = fit_ensemble(trainers(), toy)
    skipped = [[epoch.metrics["skipped_steps"] for epoch in fit.history] for fit in together]
    assert skipped == [[0.0, 0.0], [1.0, 0.0]]
    for result, alone in zip(together, (trainer.fit(toy) for trainer in trainers()), strict=True):
        for epoch, expected in zip(result.history, alone.history, strict=True):
            assert epoch.metrics == pytest.approx(expected.metrics)


def test_an_epoch_of_which_nothing_is_left_stops(toy: Dataset) -> None:
    model = network(Fuse(0, 0.0))
    with torch.no_grad():
        model[0][0].weight[0, 0] = torch.nan
    with pytest.raises(NonFiniteError, match="epoch 1, step 1"):
        EndToEndTrainer(model, replace(OPTIM, on_nonfinite="skip")).fit(toy)


def test_a_bound_beyond_its_ceiling_for_long_is_flagged(toy: Dataset) -> None:
    most = ceilings(toy)
    assert most["mi_hy"] < 1.1
    beyond = {"mi_xt": 1.06 * most["mi_xt"], "mi_hy": 0.5}
    below = {"mi_xt": 1.04 * most["mi_xt"], "mi_hy": 0.5}
    assert divergence_flags([beyond] * 2, most) == ()
    assert divergence_flags([below] * 3, most) == ()
    assert divergence_flags([beyond, below, beyond, beyond], most) == ()
    assert divergence_flags([below, beyond, beyond, beyond], most) == ("diverging",)
    other = {"mi_hy": 2 * most["mi_hy"]}
    assert divergence_flags([beyond, other, beyond], most) == ()


def test_a_bound_of_a_block_that_trains_with_others_is_flagged(toy: Dataset) -> None:
    most = ceilings(toy)
    beyond = {"hidden1.mi_xt": 1.06 * most["mi_xt"], "mi_hy": 0.5}
    assert divergence_flags([beyond] * 3, most) == ("diverging",)
    below = {"hidden1.mi_xt": 1.04 * most["mi_xt"], "hidden1.cross_entropy": 99.0, "mi_hy": 0.5}
    assert divergence_flags([below] * 3, most) == ()


def test_the_flag_reaches_the_record(toy: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.train.stage.ceilings", lambda _: {"mi_hy": -9.0})
    heard: list[Event] = []
    result = LayerwiseTrainer(
        network(Fuse(0, 0.0)), optim=replace(OPTIM, epochs=4), callbacks=[heard.append]
    ).fit(toy)
    first = [epoch for epoch in result.history if epoch.stage == "layer0"]
    assert [epoch.flags for epoch in first] == [(), (), ("diverging",), ("diverging",)]
    assert [event.flags for event in heard if event.kind == "epoch"][2] == ("diverging",)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"),
    ],
)
def test_memory_that_runs_out_says_what_to_lower(
    toy: Dataset, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("ibtrain.train.lockstep.Lockstep._step", fail)
    message = r"end_to_end, network: out of memory; lower --batch-size \(now 50\)"
    with pytest.raises(OutOfMemoryError, match=message):
        EndToEndTrainer(network(Fuse(0, 0.0)), OPTIM).fit(toy)


def test_other_errors_are_not_taken_for_it() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_advice("a", "b"):
        raise RuntimeError("shapes do not match")


def test_a_step_that_is_too_large_for_this_machine_is_told() -> None:
    with (
        pytest.raises(OutOfMemoryError, match="a: out of memory; lower b"),
        memory_advice("a", "b"),
    ):
        torch.empty(1 << 58)


class Spike(nn.Module):
    """Gives outputs whose variance overflows, at the third call in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        return x * (1e25 if self.training and self.calls == 3 else 1.0)


@pytest.mark.parametrize("action", ["stop", "skip"])
def test_running_statistics_that_overflow_are_told(toy: Dataset, action: str) -> None:
    """The losses stay finite, and predictions would be those of chance."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(6, 8), Spike(), nn.BatchNorm1d(8), nn.Tanh())
    model = nn.Sequential(first, nn.Linear(8, 3))
    message = "end_to_end, network: a normalisation's running statistics became infinite in epoch 1, seed 0"
    with pytest.raises(NonFiniteError, match=message):
        EndToEndTrainer(model, replace(OPTIM, on_nonfinite=action)).fit(toy)
