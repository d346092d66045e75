"""The cases of ``ibtrain bench`` under pytest-benchmark, which keeps and compares histories.

pytest benchmarks --benchmark-only -o python_files='bench_*.py' -o python_functions='bench_*'
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from ibtrain.backend.device import threads
from ibtrain.bench.cases import CASES, Case


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threads(1):
        yield


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def bench_case(benchmark: Callable[..., Any], case: Case) -> None:
    benchmark(case.make(torch.device("cpu")))
