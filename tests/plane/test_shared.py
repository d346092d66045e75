"""Several processes that measure a plane together: the values of a single process, each measured once."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from processes import timeless
from spawning import spawned
from torch import nn

from ibtrain import InformationPlane, LayerwiseTrainer, OptimConfig, PlaneConfig, mlp
from ibtrain.backend.process_group import rank
from ibtrain.config import MEASURES
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, LostProcessError
from ibtrain.plane import shared
from ibtrain.plane.measures import LayerSample, LayerSpec, Measure, Quantity, Values
from ibtrain.plane.point import PlanePoint

NAMES = ("mine", "channel", "probe", "binned")
PLANE = PlaneConfig(measures=NAMES, critic_steps=3, audit_every=1, batch_size=32)


def points_of(plane: InformationPlane) -> Any:
    return timeless([point.to_dict() for point in plane.points])


def samples() -> Dataset:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    return Dataset.from_arrays(x, (x[:, 0] > 0).long() + (x[:, 1] > 0))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return mlp(6, [9, 8], 3)


def watched() -> tuple[Any, Any, int]:
    """Points of a network at two moments, the states of measures, and the number of measures that this process has applied."""
    model = network()
    plane = InformationPlane.watch(model, samples(), measures=NAMES, config=PLANE)
    with mock.patch.object(shared, "checked_values", wraps=shared.checked_values) as measured:
        plane.measure(epoch=0)
        # the second fit of a critic starts from the state after the first
        with torch.no_grad():
            next(model.parameters()).mul_(2)
        plane.measure(epoch=1)
    states = [entry["measures"] for entry in plane.state_dict()["layers"]]
    return points_of(plane), timeless(states), measured.call_count


@pytest.mark.parametrize("count", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_each_value_is_measured_once_and_is_that_of_one_process(count: int, tmp_path: Path) -> None:
    points, states, total = watched()
    results = spawned(watched, count, tmp_path)
    for found, of_measures, _ in results:
        assert found == points
        # what a checkpoint of any process would have
        torch.testing.assert_close(of_measures, states, rtol=0, atol=0)
    counts = [applied for _, _, applied in results]
    assert sum(counts) == total
    assert max(counts) - min(counts) <= 2


def trained() -> tuple[Any, int]:
    """Points of a training, also within epochs, and the number of measures that this process has applied; the first process does something with each of them."""
    seen: list[PlanePoint] = []
    is_first = rank() == 0

    def on_point(point: PlanePoint) -> None:
        # would wait for the other processes, which don't do it, if anything were exchanged here
        if is_first:
            seen.append(point)
            InformationPlane.watch(network(), samples(), measures=["channel"]).measure(epoch=0)

    config = replace(PLANE, points_per_epoch=2)
    plane = InformationPlane(samples(), config=config, on_point=on_point)
    optim = OptimConfig(epochs=2, batch_size=50)
    trainer = LayerwiseTrainer(network(), None, optim, callbacks=[plane], progress=False)
    with mock.patch.object(shared, "checked_values", wraps=shared.checked_values) as measured:
        trainer.fit(samples())
    if is_first:
        assert seen == plane.points
    return points_of(plane), measured.call_count


def test_the_plane_of_a_training_is_that_of_one_process(tmp_path: Path) -> None:
    expected, total = trained()
    # but for those of the plane that the first process measures by itself
    total -= len(expected) * 2
    (one, first_count), (other, other_count) = spawned(trained, 2, tmp_path)
    assert one == other
    assert first_count - len(expected) * 2 + other_count == total
    # weights differ by rounding, which a critic's few steps do not amplify
    for found, point in zip(one, expected, strict=True):
        assert found["mi_xt_channel"]["mi"] == pytest.approx(point["mi_xt_channel"]["mi"], abs=1e-3)
        assert found["mi_ty"]["mi"] == pytest.approx(point["mi_ty"]["mi"], abs=1e-3)


def unlike(config: PlaneConfig | None) -> str:
    """The error where the first process has a plane with settings, and the other one has none, or one with others."""
    if rank() == 0:
        planes = [InformationPlane(samples(), config=PLANE)]
    else:
        planes = [InformationPlane(samples(), config=config)] if config else []
    trainer = LayerwiseTrainer(network(), callbacks=planes, progress=False)
    with pytest.raises((ConfigError, LostProcessError)) as caught:
        trainer.fit(samples())
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "got 0 planes, expected 1, as in the first process"),
        (replace(PLANE, every=2), "got every 2, expected 0, as in the first process"),
    ],
)
def test_all_processes_must_have_the_same_planes(
    config: PlaneConfig | None, message: str, tmp_path: Path
) -> None:
    first, other = spawned(partial(unlike, config), 2, tmp_path)
    assert other == f"callbacks: {message}"
    assert first == str(LostProcessError())


class Counted(Measure):
    """Its state is no tensor."""

    quantities = (Quantity("moments", "moments", "count"),)
    fits = False

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__(spec)
        self.moments = np.zeros(1)

    def measure(self, layer: LayerSample) -> Values:
        self.moments += 1
        if len(layer.h_test) < 10:
            raise ValueError("few samples")
        return {"moments": self.moments.item()}

    def state_dict(self) -> dict[str, Any]:
        return {"moments": self.moments}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.moments = state["moments"]


def counted(count: int) -> Any:
    """Values of a measure of somebody's own, or its error."""
    x = torch.randn(count, 6, generator=torch.Generator().manual_seed(0))
    data = x, (x[:, 0] > 0).long()
    with mock.patch.dict(MEASURES, counted=f"{__name__}:Counted"):
        plane = InformationPlane.watch(network(), data, ["hidden1"], ["channel", "counted"])
        try:
            return [plane.measure(epoch)[0].scalars["moments"] for epoch in range(3)]
        except ValueError as error:
            return str(error)


@pytest.mark.slow
def test_states_and_errors_of_any_kind_are_exchanged(tmp_path: Path) -> None:
    assert spawned(partial(counted, 50), 2, tmp_path) == [[1, 2, 3]] * 2
    (tmp_path / "few").mkdir()
    assert spawned(partial(counted, 9), 2, tmp_path / "few") == ["few samples"] * 2
