"""Several processes that measure a plane together: the values of a single process, each measured once."""

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from processes import timeless
from spawning import spawned
from torch import nn

from ibtrain import InformationPlane, LayerwiseTrainer, OptimConfig, PlaneConfig, mlp
from ibtrain.backend.process_group import rank
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, LostProcessError
from ibtrain.plane import shared
from ibtrain.plane.point import PlanePoint

MEASURES = ("mine", "channel", "probe", "binned")
PLANE = PlaneConfig(measures=MEASURES, critic_steps=3, audit_every=1, batch_size=32)


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
    plane = InformationPlane.watch(model, samples(), measures=MEASURES, config=PLANE)
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


def trained() -> Any:
    """Points of a training; the first process does something with each of them."""
    seen: list[PlanePoint] = []

    def on_point(point: PlanePoint) -> None:
        # would wait for the other processes, which don't do it, if anything were exchanged here
        if rank() == 0:
            seen.append(point)
            InformationPlane.watch(network(), samples(), measures=["channel"]).measure(epoch=0)

    plane = InformationPlane(samples(), config=PLANE, on_point=on_point)
    optim = OptimConfig(epochs=2, batch_size=50)
    trainer = LayerwiseTrainer(network(), None, optim, callbacks=[plane], progress=False)
    trainer.fit(samples())
    if rank() == 0:
        assert seen == plane.points
    return points_of(plane)


def test_the_plane_of_a_training_is_that_of_one_process(tmp_path: Path) -> None:
    expected = trained()
    one, other = spawned(trained, 2, tmp_path)
    assert one == other
    # weights differ by rounding, which a critic's few steps do not amplify
    for found, point in zip(one, expected, strict=True):
        assert found["mi_xt_channel"]["mi"] == pytest.approx(point["mi_xt_channel"]["mi"], abs=1e-3)
        assert found["mi_ty"]["mi"] == pytest.approx(point["mi_ty"]["mi"], abs=1e-3)


def watched_by_one() -> str:
    """The error where the first process alone has a plane."""
    planes = [InformationPlane(samples(), config=PLANE)] if rank() == 0 else []
    trainer = LayerwiseTrainer(network(), callbacks=planes, progress=False)
    with pytest.raises((ConfigError, LostProcessError)) as caught:
        trainer.fit(samples())
    return str(caught.value)


@pytest.mark.slow
def test_all_processes_must_have_the_plane(tmp_path: Path) -> None:
    first, other = spawned(watched_by_one, 2, tmp_path)
    assert other == "callbacks: got 0 planes, expected 1, as in the first process"
    assert first == str(LostProcessError())
