"""Several processes that share an estimate: the values of a single one, bit for bit."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from spawning import spawned

from ibtrain.backend.exchange import share_out
from ibtrain.backend.process_group import num_processes, rank
from ibtrain.mi.matrix import mi_matrix
from ibtrain.mi.registry import estimate


def shared(count: int) -> tuple[list[int], list[tuple[int, int]]]:
    """The squares of numbers, and who computed them among how many."""
    computed: list[tuple[int, int]] = []

    def square(number: int) -> int:
        computed.append((number, num_processes()))
        return number**2

    return share_out(square, iter(range(count))), computed


@pytest.mark.parametrize("items", [0, 1, 5])
def test_each_item_has_one_process_and_all_have_its_result(items: int, tmp_path: Path) -> None:
    everything = [number**2 for number in range(items)]
    assert shared(items) == (everything, [(number, 1) for number in range(items)])
    for process, (results, computed) in enumerate(spawned(partial(shared, items), 3, tmp_path)):
        assert results == everything
        # within an item, a process is alone
        assert computed == [(number, 1) for number in range(process, items, 3)]


METHODS: dict[str, dict[str, Any]] = {
    "mine": {"steps": 20, "hidden": (8,), "checkpoint_every": 10},
    "ksg": {"permutations": 5},
    "matrix": {},
}


def values(method: str) -> tuple[dict[str, Any], int]:
    """What is found in 15,000 samples, of which the selection and the report have several groups; and the rank."""
    count = 15_000 if method == "mine" else 1000
    x, noise = np.random.default_rng(0).standard_normal((2, count, 3))
    y = x + noise
    if method == "matrix":
        frame = pd.DataFrame(
            {"a": x[:, 0], "b": y[:, 0], "c": y[:, 1], "d": np.full(count, "same")}
        )
        found = mi_matrix(frame, "ksg").to_dict()
        for cell in found["cells"]:
            cell.pop("seconds", None)
        return found, rank()
    document = estimate(x, y, method, **METHODS[method]).to_dict()
    document.pop("seconds")
    return document, rank()


@pytest.mark.parametrize("method", METHODS)
def test_they_find_what_one_finds(method: str, tmp_path: Path) -> None:
    alone, _ = values(method)
    for process, result in enumerate(spawned(partial(values, method), 2, tmp_path)):
        assert result == (alone, process)
