"""The wiring: the same run, whether its seeds train one after another or as one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from tape import Tape

from ibtrain.config import ModelConfig, ObjectiveConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, ModelError
from ibtrain.runs.execution import Run
from ibtrain.runs.setup import RunSetup

CONFIG = RunConfig(
    seeds=(0, 1),
    model=ModelConfig(hidden=(12, 8)),
    layerwise=OptimConfig(epochs=1),
    end_to_end=OptimConfig(epochs=1),
    plane=PlaneConfig(points=2, samples=200, train_samples=300, critic_steps=5),
    device="cpu",
)
HELD_OUT = replace(CONFIG, validation=0.1)
"""The statistics of what is left to train on differ in their last digits by the number of threads."""


def run(*, as_one: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    setup = RunSetup(CONFIG)
    if as_one:
        # only the choice to train as one is made by the device's name; everything stays where it is
        setup.device = torch.device("cuda")
    records: list[dict[str, Any]] = []
    return Run(setup, record=records.append).train().to_dict(), records


@pytest.mark.slow
def test_seeds_that_train_as_one_give_what_they_give_one_after_another() -> None:
    (apart, records_apart), (as_one, records_as_one) = run(as_one=False), run(as_one=True)
    for method in ("layerwise", "end_to_end"):
        assert [result["seed"] for result in as_one[method]] == [0, 1]
        for one, other in zip(as_one[method], apart[method], strict=True):
            assert one["test_accuracy"] == other["test_accuracy"]
            for layer, expected in zip(one["layers"], other["layers"], strict=True):
                assert layer["mi_ty"]["mi"] == pytest.approx(expected["mi_ty"]["mi"], abs=1e-3)
    assert len(records_as_one) == len(records_apart)
    order = [(r["method"], r["seed"]) for r in records_as_one if r["event"] == "result"]
    assert order == [("layerwise", 0), ("layerwise", 1), ("end_to_end", 0), ("end_to_end", 1)]


@pytest.mark.parametrize(("dropout", "groups"), [(0.0, [(0, 1)]), (0.1, [(0,), (1,)])])
def test_seeds_that_draw_dropout_do_not_train_as_one(
    dropout: float, groups: list[tuple[int, ...]]
) -> None:
    """They would share its random numbers: a seed's result would depend on the others."""
    setup = RunSetup(replace(CONFIG, model=ModelConfig(hidden=(12, 8), dropout=dropout)))
    setup.device = torch.device("cuda")
    assert [group for method, group in setup.trainings if method == "layerwise"] == groups


@pytest.mark.parametrize(("batch_size", "count"), [(0, 1438), (100, 100), (5000, 1438)])
def test_threads_depend_on_the_samples_of_a_step(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, count: int
) -> None:
    monkeypatch.setattr("ibtrain.runs.setup.choose_threads", lambda samples, _: samples)
    optim = OptimConfig(batch_size=batch_size)
    assert RunSetup(replace(CONFIG, layerwise=optim, end_to_end=optim)).threads == count


def test_critics_that_memory_cannot_hold_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.backend.memory.host_memory", lambda: 64 << 20)
    RunSetup(CONFIG)
    objective = ObjectiveConfig(critic_width=1 << 20)
    with pytest.raises(ModelError, match=r"critics of [0-9]+ weights, with gradients and Adam's"):
        RunSetup(replace(CONFIG, objective=objective))


@pytest.mark.slow
def test_an_setup_may_be_made_and_run_without_gradients() -> None:
    """As in a notebook whose cell begins with one of these."""
    config = replace(CONFIG, seeds=(0,), plane=replace(CONFIG.plane, points=1))
    expected = Run(RunSetup(config)).train()
    for block in (torch.no_grad, torch.inference_mode):
        with block():
            found = Run(RunSetup(config)).train()
        for method, results in expected.methods.items():
            assert [r.accuracies for r in found.methods[method]] == [r.accuracies for r in results]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_samples_are_the_same_on_any_number_of_threads(two_threads: None) -> None:
    several = RunSetup(HELD_OUT).data.fingerprint()
    torch.set_num_threads(1)
    assert RunSetup(HELD_OUT).data.fingerprint() == several


@pytest.mark.parametrize(
    "change", [{"dim": 3_000_000}, {"dim": 8}, {"layer": "hidden9"}, {"layer": ["hidden1"]}]
)
def test_layers_of_another_network_are_told(change: dict[str, Any]) -> None:
    setup = RunSetup(CONFIG)
    good = {"layer": "hidden1", "dim": 12}
    setup.check_plane({"layers": [good, {"layer": "output", "dim": 10}]})
    with pytest.raises((ValueError, TypeError)):
        setup.check_plane({"layers": [good | change]})


def test_epochs_of_the_plane_that_never_come_are_refused() -> None:
    plane = replace(CONFIG.plane, epochs=(0, 2))
    optim = OptimConfig(epochs=2)
    # one of both methods has so many
    RunSetup(replace(CONFIG, plane=plane, end_to_end=optim))
    with pytest.raises(
        ConfigError, match="plane_epochs: got epoch 2, expected at most 1, the last"
    ):
        RunSetup(replace(CONFIG, plane=plane))


def test_cuda_graphs_on_another_device_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"cuda_graphs, expected a CUDA device \(this run is on cpu\)"
    ):
        RunSetup(replace(CONFIG, cuda_graphs=True))
    with pytest.raises(ConfigError, match="'yes', expected true or false"):
        replace(CONFIG, cuda_graphs="yes")


def test_a_run_records_its_steps_if_it_is_asked_to(tape: pytest.MonkeyPatch) -> None:
    quick = replace(CONFIG, seeds=(0,), plane=PlaneConfig(points=0))
    Run(RunSetup(quick)).train()
    assert Tape.replays == 0
    Run(RunSetup(replace(quick, cuda_graphs=True))).train()
    assert Tape.replays > 0


def test_the_network_is_described_by_the_sizes_of_its_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert RunSetup(CONFIG).network_text == "64-12-8-10 (relu)"
    deep = replace(CONFIG, model=ModelConfig(hidden=(12,) * 40, activation="elu"))
    text = RunSetup(deep).network_text
    assert text.startswith("64-12-12-")
    assert text.endswith("-12-10 (elu)")
    assert len(text) == 60 + len(" (elu)")
    images = Dataset.from_tensors(torch.randn(60, 1, 8, 8), torch.arange(60) % 10)
    monkeypatch.setattr("ibtrain.runs.setup.load_data", lambda *_: images)
    convolutional = replace(CONFIG, model=ModelConfig("conv", hidden=(7,), channels=(3, 4)))
    assert RunSetup(convolutional).network_text == "1x8x8-3x4x4-4x2x2-7-10 (relu)"
