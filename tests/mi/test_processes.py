"""Several processes that share an estimate: the values of a single one, bit for bit."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from spawning import spawned
from torch import Tensor, nn

from ibtrain.backend.exchange import share_out
from ibtrain.backend.process_group import num_processes, rank
from ibtrain.errors import DataError
from ibtrain.mi.bounds.registry import dv
from ibtrain.mi.marginals import Standardised
from ibtrain.mi.matrix import mi_matrix
from ibtrain.mi.neural.inputs import fit_inputs
from ibtrain.mi.neural.log_ratios import GaussianLogRatio
from ibtrain.mi.neural.scorer import PairScorer
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


def failing(broken: frozenset[int]) -> tuple[str, list[int]]:
    """The error of sharing out items of which some fail, and what the next sharing gives."""

    def check(number: int) -> int:
        if number in broken:
            raise DataError(number, "another number", "item")
        return number

    try:
        share_out(check, range(6))
    except DataError as error:
        return str(error), share_out(check, [7, 8])
    raise AssertionError


@pytest.mark.parametrize("broken", [{3}, {2, 5}, {1, 4}])
def test_all_processes_have_the_first_error(broken: set[int], tmp_path: Path) -> None:
    work = partial(failing, frozenset(broken))
    expected = (f"item: got {min(broken)}, expected another number", [7, 8])
    assert [work(), *spawned(work, 3, tmp_path)] == [expected] * 4


def computed_groups(count: int) -> tuple[tuple[float, float], list[int]]:
    """A value of groups of four samples, without and with its standard error, and whose scores this process computed."""
    z = np.random.default_rng(0).standard_normal((4 * count, 2))
    marginals = Standardised(z)
    scorer = PairScorer.at(
        z, 1, GaussianLogRatio(z, 1), fit_inputs(z, 1), marginals, torch.device("cpu")
    )
    computed: list[int] = []

    def all_pairs(_: PairScorer, __: nn.Module | None, group: Tensor, ___: bool) -> Tensor:
        computed.append(int(group[0]) // 4)
        return scorer._matrix(None, group, group)

    index = torch.arange(4 * count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibtrain.mi.neural.scorer.GROUP_SIZE", 4)
        patch.setattr(PairScorer, "_all_pairs", all_pairs)
        value = scorer.value(None, index, dv)
        (reading,) = scorer.read([None], index, dv)
    return (value, reading.value), computed


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_group_of_samples_has_one_process(count: int, tmp_path: Path) -> None:
    values, computed = computed_groups(count)
    assert computed == [*range(count)] * 2
    for process, (shared, own) in enumerate(spawned(partial(computed_groups, count), 2, tmp_path)):
        assert shared == values
        # the influences of a single group are those of its samples, which every process needs
        groups = [*range(process, count, 2)]
        assert own == groups + (groups if count > 1 else [0])


METHODS: dict[str, dict[str, Any]] = {
    "mine": {"steps": 20, "hidden": (8,), "checkpoint_every": 10},
    "ksg": {"permutations": 5},
    "matrix": {},
}


def values(method: str) -> tuple[dict[str, Any], int]:
    """What is found in 24,000 samples, of which the selection and the report have several groups; and the rank."""
    count = 24_000 if method == "mine" else 1000
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
