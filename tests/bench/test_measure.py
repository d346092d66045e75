"""Timings and counts of work that is known."""

import time

import pytest
import torch

from ibtrain.bench.cases import CASES
from ibtrain.bench.machine import Machine, measure_machine
from ibtrain.bench.measure import Timing, Work, time_call, work_of
from ibtrain.bench.rows import Row, time_cases

CPU = torch.device("cpu")


def test_a_product_has_its_flops_and_bytes() -> None:
    a, b = torch.randn(30, 20), torch.randn(20, 10)
    assert work_of(lambda: a @ b) == Work(2 * 30 * 20 * 10, 4 * (30 * 20 + 20 * 10 + 30 * 10))


def test_views_move_nothing() -> None:
    a = torch.randn(30, 20)
    assert work_of(lambda: a.T[3:].reshape(1, -1, 30)[0]) == Work(0, 0)


def test_a_call_takes_its_time() -> None:
    timing = time_call(lambda: time.sleep(0.01), CPU)
    # sleep never returns early; how late it is depends on what else runs
    assert 0.01 <= timing.fastest <= timing.median <= timing.slowest


def test_rates_and_shares_are_of_a_calls_time() -> None:
    row = Row("case", Timing(0.5, 0.4, 0.6), steps=10, samples=100, work=Work(10**9, 10**8))
    machine = Machine("here", flops=4e9, bandwidth=1e9)
    assert row.steps_per_second == 20
    assert row.samples_per_second == 200
    assert row.share_of_flops(machine) == 0.5
    assert row.share_of_bandwidth(machine) == 0.2
    assert row.to_dict(machine)["seconds"] == {"median": 0.5, "fastest": 0.4, "slowest": 0.6}


def test_the_machine_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.bench.machine.MATRIX_SIZE", {"cpu": 64})
    monkeypatch.setattr("ibtrain.bench.machine.COPY_BYTES", 1 << 16)
    machine = measure_machine(CPU)
    assert machine.name
    assert machine.flops > 0
    assert machine.bandwidth > 0


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    "name",
    [
        "estimator mine 20+20 separable 64-64 batch 256",
        pytest.param("tracking 8 x mine 10+10 pair 64-64 batch 256", marks=pytest.mark.slow),
        "channel 1000 x 500",
    ],
)
def test_a_case_runs_and_has_work(name: str) -> None:
    (case,) = (case for case in CASES if case.name == name)
    (row,) = time_cases([case], CPU)
    assert row.work.flops > 0
    assert row.work.bytes > 0
    assert row.timing.median > 0
