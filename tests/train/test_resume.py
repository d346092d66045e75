"""A training that goes on from a kept state ends as one that was never interrupted, to the last bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tape import Tape
from torch import nn

from ibtrain.config import ObjectiveConfig, OptimConfig, PlaneConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import RunFolderError
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.tracker import InformationPlane
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.runs.states import read_state, write_state
from ibtrain.train.checkpointer import Checkpointer, State
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.results import FitResult
from ibtrain.train.scores import class_scores

pytestmark = pytest.mark.slow

OPTIM = OptimConfig(learning_rate=5e-3, batch_size=64, epochs=3)
SGD = replace(OPTIM, optimizer="sgd", momentum=0.9, weight_decay=1e-3, learning_rate=0.05)
PLANE = PlaneConfig(
    points=3,
    samples=50,
    train_samples=80,
    critic_steps=3,
    batch_size=16,
    audit_every=1,
    measures=("mine", "channel", "probe", "weights"),
)
Trainer = LayerwiseTrainer | EndToEndTrainer


class PulledPlugError(Exception):
    """Ends a training as a process ends, between two steps."""


class Plug(Checkpointer):
    """Keeps the state at a moment, and pulls the plug.

    Args:
        path: Where.
        moment: After how many calls.
    """

    def __init__(self, path: Path, moment: int | None = None) -> None:
        self.path = path
        self.left = moment
        self.calls = 0

    def load(self) -> State | None:
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
    checkpointer: Checkpointer,
    seeds: tuple[int, ...] = (0,),
    **more: object,
) -> tuple[list[FitResult], list[InformationPlane]]:
    """Trains a network for each seed, each with a plane."""
    dropout = bool(more.pop("dropout", False))
    planes = [InformationPlane(data, 0.5, config=PLANE, seed=seed) for seed in seeds]
    restored = checkpointer.load()
    if restored:
        for plane, state in zip(planes, restored["planes"], strict=True):
            plane.load_state_dict(state)
    trainers = [
        kind(
            network(seed, dropout=dropout), seed=seed, callbacks=[plane], **{"optim": OPTIM, **more}
        )  # type: ignore[arg-type]
        for seed, plane in zip(seeds, planes, strict=True)
    ]
    torch.manual_seed(9)
    if restored:
        torch.set_rng_state(restored["torch"])
    if isinstance(checkpointer, Plug):
        checkpointer.planes = planes  # type: ignore[attr-defined]
    return fit_ensemble(trainers, data, checkpointer), planes  # type: ignore[arg-type]


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
        readouts, others = one.readout.state_dict(), other.readout.state_dict()
        assert all(torch.equal(readouts[name], others[name]) for name in others)
        if one.method == "layerwise" and len(list(one.network)) < 3:
            probe = torch.linspace(-1, 1, 12).view(2, 6)
            scores = [
                class_scores(result.network, result.readout, probe) for result in (one, other)
            ]
            assert torch.equal(*scores)
    for one, other in zip(found[1], expected[1], strict=True):
        assert [told(point) for point in one.points] == [told(point) for point in other.points]


def told(point: PlanePoint) -> PlanePoint:
    estimates = {name: replace(own, seconds=0.0) for name, own in point.estimates.items()}
    return replace(point, estimates=estimates)


CASES = {
    "end to end": (EndToEndTrainer, {}),
    "two seeds end to end": (EndToEndTrainer, {"seeds": (0, 1)}),
    "early stopping": (
        EndToEndTrainer, {"optim": replace(OPTIM, epochs=8, patience=1), "validate": True},
    ),
    "dropout": (EndToEndTrainer, {"dropout": True}),
    "skipping": (EndToEndTrainer, {"optim": replace(OPTIM, on_nonfinite="skip")}),
    "sgd": (EndToEndTrainer, {"optim": SGD}),
    "layer-wise sgd": (LayerwiseTrainer, {"optim": SGD}),
    "layer-wise adamw": (
        LayerwiseTrainer, {"optim": replace(OPTIM, optimizer="adamw", weight_decay=0.1)},
    ),
    "full batches": (LayerwiseTrainer, {"optim": replace(OPTIM, batch_size=0, epochs=6)}),
    "layer-wise": (LayerwiseTrainer, {}),
    "two seeds layer-wise": (LayerwiseTrainer, {"seeds": (0, 1)}),
    "relative noise": (
        LayerwiseTrainer, {"objective": ObjectiveConfig(beta=(0.1,), noise_scale="relative")},
    ),
    "layer-wise dropout": (LayerwiseTrainer, {"dropout": True}),
    "cross-entropy": (LayerwiseTrainer, {"objective": ObjectiveConfig(readout="cross-entropy")}),
    "critic": (LayerwiseTrainer, {"objective": ObjectiveConfig(readout="critic")}),
    "simultaneous": (LayerwiseTrainer, {"objective": ObjectiveConfig(order="simultaneous")}),
    "averaged scores": (LayerwiseTrainer, {"objective": ObjectiveConfig(average_scores=True)}),
    "joint critic": (
        LayerwiseTrainer, {"objective": ObjectiveConfig(order="joint", readout="critic")},
    ),
    "layer-wise early stopping": (
        LayerwiseTrainer, {"optim": replace(OPTIM, epochs=5, patience=1), "validate": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_training_goes_on_to_the_last_bit(toy: Dataset, tmp_path: Path, name: str) -> None:
    check_goes_on(toy, tmp_path, name)


@pytest.mark.parametrize("name", ["two seeds layer-wise", "sgd", "dropout"])
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


class Shelf(Checkpointer):
    """Keeps the last state in memory."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state

    def load(self) -> State | None:
        return self.state

    def after_epoch(self, state: Callable[[], State]) -> None:
        self.state = state()


def small(*activation: nn.Module, width: int = 8) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Sequential(nn.Linear(6, width), *activation), nn.Linear(width, 3))


OBJECTIVE = ObjectiveConfig(beta=(0.1, 0.0))


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (EndToEndTrainer, {}, "got method layerwise, expected method end_to_end"),
        (LayerwiseTrainer, {"seed": 2}, r"got seeds \[0\], expected seeds \[2\]"),
        (
            LayerwiseTrainer,
            {"optim": replace(OPTIM, epochs=4)},
            "got optim.epochs 3, expected optim.epochs 4",
        ),
        (
            LayerwiseTrainer,
            {"objective": replace(OBJECTIVE, beta=(0.2, 0.0))},
            r"got objective.beta \[0.1, 0.0\], expected objective.beta \[0.2, 0.0\]",
        ),
        (
            LayerwiseTrainer,
            {"model": small(nn.Tanh())},
            "got model.layer0.1 ReLU, expected model.layer0.1 Tanh",
        ),
        (
            LayerwiseTrainer,
            {"model": small(nn.ReLU(), width=9)},
            r"got shape of layer0.0.weight \[8, 6\], expected shape of layer0.0.weight \[9, 6\]",
        ),
        (
            LayerwiseTrainer,
            {"model": small()},
            "got model.layer0.1 ReLU, expected model.layer0.1 None",
        ),
    ],
)
def test_a_state_of_another_training_is_told(
    toy: Dataset, kind: type[Trainer], changes: dict[str, object], message: str
) -> None:
    settings: dict[str, object] = {"optim": OPTIM, "objective": OBJECTIVE}
    shelf = Shelf()
    LayerwiseTrainer(small(nn.ReLU()), **settings).fit(toy, checkpointer=shelf)  # type: ignore[arg-type]
    if kind is EndToEndTrainer:
        del settings["objective"]
    settings = {"model": small(nn.ReLU()), **settings, **changes}
    with pytest.raises(RunFolderError, match=f"checkpoint: {message}"):
        kind(**settings).fit(toy, checkpointer=shelf)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [EndToEndTrainer, LayerwiseTrainer])
def test_a_state_of_other_samples_is_told(toy: Dataset, kind: type[Trainer]) -> None:
    shelf = Shelf()
    kind(small(), optim=OPTIM).fit(toy, checkpointer=shelf)
    other = replace(toy, train=Split(toy.train.x + 1, toy.train.y))
    with pytest.raises(RunFolderError, match=f"got samples {toy.fingerprint()}, expected samples"):
        kind(small(), optim=OPTIM).fit(other, checkpointer=shelf)


def test_a_state_without_a_record_is_refused(toy: Dataset) -> None:
    shelf = Shelf()
    EndToEndTrainer(small(), OPTIM).fit(toy, checkpointer=shelf)
    assert shelf.state is not None
    del shelf.state["identity"]
    with pytest.raises(RunFolderError, match="missing key 'identity'"):
        EndToEndTrainer(small(), OPTIM).fit(toy, checkpointer=shelf)


def test_a_second_training_in_a_folder_of_checkpoints_is_refused(
    toy: Dataset, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointInterval.parse("1", "test"))
    EndToEndTrainer(small(), OPTIM).fit(toy, checkpointer=checkpoints)
    slower = replace(OPTIM, learning_rate=1e-3)
    with pytest.raises(RunFolderError, match=r"got optim.learning_rate 0.005, expected .* 0.001"):
        EndToEndTrainer(small(), slower).fit(
            toy, checkpointer=Checkpoints(tmp_path, checkpoints.interval)
        )


def test_a_damaged_record_is_told(toy: Dataset) -> None:
    shelf = Shelf()
    EndToEndTrainer(small(), OPTIM).fit(toy, checkpointer=shelf)
    assert shelf.state is not None
    shelf.state["identity"] = "mine"
    with pytest.raises(RunFolderError, match="got a state that does not fit"):
        EndToEndTrainer(small(), OPTIM).fit(toy, checkpointer=shelf)


@pytest.mark.parametrize("state", [[1], "x", 3])
def test_a_state_that_is_no_table_is_told(toy: Dataset, state: object) -> None:
    shelf = Shelf()
    shelf.state = state  # type: ignore[assignment]
    with pytest.raises(RunFolderError, match="checkpoint: "):
        EndToEndTrainer(small(), optim=OPTIM).fit(toy, checkpointer=shelf)


class Noting(nn.Linear):
    """Keeps a note among its weights."""

    def get_extra_state(self) -> dict[str, int]:
        return {"note": 1}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.note = state["note"]


@pytest.mark.parametrize("kind", [EndToEndTrainer, LayerwiseTrainer])
def test_modules_with_extra_state_are_kept(
    toy: Dataset, tmp_path: Path, kind: type[Trainer]
) -> None:
    def model() -> nn.Sequential:
        return nn.Sequential(Noting(6, 4), nn.ReLU(), nn.Linear(4, 3))

    checkpoints = Checkpoints(tmp_path, CheckpointInterval.parse("1", "test"))
    fitted = kind(model(), optim=OPTIM).fit(toy, checkpointer=checkpoints)
    again = kind(model(), optim=OPTIM).fit(
        toy, checkpointer=Checkpoints(tmp_path, checkpoints.interval)
    )
    assert again.history == fitted.history
