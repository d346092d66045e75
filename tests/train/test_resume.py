"""A training that goes on from a kept state ends as one that was never interrupted, to the last bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tape import Tape
from torch import nn

from ibtrain.checkpoints import read_state, write_state
from ibtrain.config import ObjectiveConfig, OptimConfig, PlaneConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import RunFolderError
from ibtrain.plane.tracker import InformationPlane
from ibtrain.train.endtoend import EndToEndTrainer
from ibtrain.train.keeper import Keeper, State
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.stage import FitResult

OPTIM = OptimConfig(learning_rate=5e-3, batch_size=64, epochs=3)
PLANE = PlaneConfig(
    points=3, samples=50, train_samples=80, critic_steps=3, batch_size=16, audit_every=1
)
Trainer = LayerwiseTrainer | EndToEndTrainer


class PulledPlugError(Exception):
    """Ends a training as a process ends, between two steps."""


class Plug(Keeper):
    """Keeps the state at a moment, and pulls the plug.

    Args:
        path: Where.
        moment: After how many calls.
    """

    def __init__(self, path: Path, moment: int | None = None) -> None:
        self.path = path
        self.left = moment
        self.calls = 0

    def restored(self) -> State | None:
        return read_state(self.path) if self.path.exists() else None

    def after_step(self, state: Callable[[], State]) -> None:
        self.calls += 1
        if self.left is not None and self.calls == self.left:
            write_state(self.path, {**state(), "torch": torch.get_rng_state()})
            raise PulledPlugError

    after_epoch = after_step
    after_stage = after_step


class Spare(nn.Linear):
    """Has a weight that it never uses."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__(dim_in, dim_out)
        self.unused = nn.Parameter(torch.zeros(3))


def network(seed: int, *, dropout: bool = False) -> nn.Sequential:
    torch.manual_seed(seed)
    first = [Spare(6, 12), nn.ReLU(), *([nn.Dropout(0.3)] if dropout else [])]
    return nn.Sequential(
        nn.Sequential(*first), nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Tanh()), nn.Linear(8, 3)
    )  # fmt: skip


def fit(
    kind: type[Trainer],
    data: Dataset,
    keeper: Keeper,
    seeds: tuple[int, ...] = (0,),
    **more: object,
) -> tuple[list[FitResult], list[InformationPlane]]:
    """Trains a network for each seed, each with a plane."""
    dropout = bool(more.pop("dropout", False))
    planes = [InformationPlane(data, 0.5, config=PLANE, seed=seed) for seed in seeds]
    restored = keeper.restored()
    if restored:
        for plane, state in zip(planes, restored["planes"], strict=True):
            plane.load_state_dict(state)
    trainers = [
        kind(
            network(seed, dropout=dropout), seed=seed, listeners=[plane], **{"optim": OPTIM, **more}
        )  # type: ignore[arg-type]
        for seed, plane in zip(seeds, planes, strict=True)
    ]
    torch.manual_seed(9)
    if restored:
        torch.set_rng_state(restored["torch"])
    if isinstance(keeper, Plug):
        keeper.planes = planes  # type: ignore[attr-defined]
    return kind.fit_together(trainers, data, keeper), planes  # type: ignore[arg-type]


class PlugWithPlanes(Plug):
    """Keeps what the planes know as well, as a run does."""

    planes: list[InformationPlane]

    def after_step(self, state: Callable[[], State]) -> None:
        super().after_step(
            lambda: {**state(), "planes": [plane.state_dict() for plane in self.planes]}
        )

    after_epoch = after_step
    after_stage = after_step


def check_same(found: tuple[list[FitResult], list[InformationPlane]], expected: object) -> None:
    assert isinstance(expected, tuple)
    for one, other in zip(found[0], expected[0], strict=True):
        weights, others = one.network.state_dict(), other.network.state_dict()
        assert all(torch.equal(weights[name], others[name]) for name in others)
        assert one.history == other.history
        assert one.accuracies == other.accuracies
        probe = torch.linspace(-1, 1, 16).view(2, 8)
        if one.method == "layerwise" and len(list(one.network)) < 3:
            assert torch.equal(one.readout(probe), other.readout(probe))
    for one, other in zip(found[1], expected[1], strict=True):
        assert [told(point) for point in one.points] == [told(point) for point in other.points]


def told(point: object) -> object:
    estimates = {
        name: replace(value, seconds=0.0) if hasattr(value, "seconds") else value
        for name, value in vars(point).items()
        if name != "audits"
    }
    audits = {name: replace(value, seconds=0.0) for name, value in vars(point)["audits"].items()}
    return estimates, audits


CASES = {
    "end to end": (EndToEndTrainer, {}),
    "two seeds end to end": (EndToEndTrainer, {"seeds": (0, 1)}),
    "early stopping": (
        EndToEndTrainer, {"optim": replace(OPTIM, epochs=8, patience=1), "validate": True},
    ),
    "dropout": (EndToEndTrainer, {"dropout": True}),
    "skipping": (EndToEndTrainer, {"optim": replace(OPTIM, on_nonfinite="skip")}),
    "layer-wise": (LayerwiseTrainer, {}),
    "two seeds layer-wise": (LayerwiseTrainer, {"seeds": (0, 1)}),
    "relative noise": (
        LayerwiseTrainer, {"objective": ObjectiveConfig(beta=(0.1,), noise_scale="relative")},
    ),
    "layer-wise dropout": (LayerwiseTrainer, {"dropout": True}),
    "cross-entropy": (LayerwiseTrainer, {"objective": ObjectiveConfig(readout="cross-entropy")}),
    "critic": (LayerwiseTrainer, {"objective": ObjectiveConfig(readout="critic")}),
    "layer-wise early stopping": (
        LayerwiseTrainer, {"optim": replace(OPTIM, epochs=5, patience=1), "validate": True},
    ),
}  # fmt: skip


QUICK = ("early stopping", "skipping", "relative noise", "layer-wise dropout")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in CASES]
)
def test_a_training_goes_on_to_the_last_bit(toy: Dataset, tmp_path: Path, name: str) -> None:
    check_goes_on(toy, tmp_path, name)


@pytest.mark.parametrize(
    "name", [pytest.param("two seeds layer-wise", marks=pytest.mark.slow), "dropout"]
)
def test_a_recorded_training_goes_on_to_the_last_bit(
    toy: Dataset, tmp_path: Path, name: str, tape: pytest.MonkeyPatch
) -> None:
    check_goes_on(toy, tmp_path, name)
    assert Tape.replays > 0


def check_goes_on(toy: Dataset, tmp_path: Path, name: str) -> None:
    kind, more = CASES[name]
    more = dict(more)
    if more.pop("validate", False):
        split = Split(toy.test.x[:90], toy.test.y[:90])
        toy = replace(toy, validation=split)
    whole = PlugWithPlanes(tmp_path / "none.npz")
    expected = fit(kind, toy, whole, **more)  # type: ignore[arg-type]
    assert whole.calls > 10
    for moment in (2, whole.calls // 2, whole.calls):
        path = tmp_path / f"{moment}.npz"
        with pytest.raises(PulledPlugError):
            fit(kind, toy, PlugWithPlanes(path, moment), **more)  # type: ignore[arg-type]
        found = fit(kind, toy, PlugWithPlanes(path), **more)  # type: ignore[arg-type]
        check_same(found, expected)


def test_a_state_of_another_training_is_told(toy: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    with pytest.raises(PulledPlugError):
        LayerwiseTrainer(network(0), optim=OPTIM).fit(toy, Plug(path, 3))
    with pytest.raises(RunFolderError, match="got a state that does not fit"):
        EndToEndTrainer(network(0), optim=OPTIM).fit(toy, Plug(path))
    small = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 3))
    with pytest.raises(RunFolderError, match="got a state that does not fit"):
        LayerwiseTrainer(small, optim=OPTIM).fit(toy, Plug(path))
