"""Several processes that share an estimate: the values of a single one, bit for bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from spawning import spawned
from torch import Tensor, nn

from ibtrain.backend.exchange import share_out
from ibtrain.backend.process_group import num_processes, rank
from ibtrain.errors import DataError, InterruptedRunError, LostProcessError
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


def failing(broken: set[int]) -> tuple[str, list[int]]:
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


class IncompleteError(Exception):
    """An error that can't be made again from its arguments."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")


def failing_with(error: Exception) -> str:
    """Kind and text of an error that the first process raises."""

    def fail(number: int) -> int:
        if number == 0:
            raise error
        return number

    try:
        share_out(fail, range(2))
    except Exception as found:
        return f"{type(found).__name__} {found}"
    raise AssertionError


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


METHODS: dict[str, dict[str, Any]] = {
    "mine": {"steps": 20, "hidden": (8,), "checkpoint_every": 10},
    "ksg": {"permutations": 5},
    "matrix": {},
}


def found(method: str) -> tuple[dict[str, Any], int]:
    """What is found in samples of which the selection and the report have several groups; and the rank."""
    count = 2400 if method == "mine" else 1000
    x, noise = np.random.default_rng(0).standard_normal((2, count, 3))
    y = x + noise
    if method == "matrix":
        frame = pd.DataFrame(
            {"a": x[:, 0], "b": y[:, 0], "c": y[:, 1], "d": np.full(count, "same")}
        )
        document = mi_matrix(frame, "ksg").to_dict()
        for cell in document["cells"]:
            cell.pop("seconds", None)
        return document, rank()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibtrain.mi.neural.scorer.GROUP_SIZE", 100)
        document = estimate(x, y, method, **METHODS[method]).to_dict()
    document.pop("seconds")
    return document, rank()


WORK: dict[Callable[[Any], Any], tuple[Any, ...]] = {
    shared: (0, 1, 5),
    failing: ({3}, {2, 5}, {1, 4}),
    failing_with: (
        IncompleteError("file", "broken"),
        LostProcessError("ibtrain resume one"),
        InterruptedRunError(15, "ibtrain resume one"),
    ),
    computed_groups: (1, 2, 5),
    found: tuple(METHODS),
}


def work() -> list[list[Any]]:
    return [[function(argument) for argument in arguments] for function, arguments in WORK.items()]


Results = Callable[[Callable[[Any], Any]], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def of_each(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What a function returns for each of its arguments: its argument, the result alone, and those of two processes."""
    # of all functions, because processes start slowly
    of_processes = spawned(work, 2, tmp_path_factory.mktemp("group"))
    together = dict(zip(WORK, zip(*of_processes, strict=True), strict=True))

    def results(function: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
        alone = map(function, WORK[function])
        return list(zip(WORK[function], alone, *together[function], strict=True))

    return results


def test_each_item_has_one_process_and_all_have_its_result(of_each: Results) -> None:
    for items, alone, *processes in of_each(shared):
        everything = [number**2 for number in range(items)]
        assert alone == (everything, [(number, 1) for number in range(items)])
        for process, (results, computed) in enumerate(processes):
            assert results == everything
            # within an item, a process is alone
            assert computed == [(number, 1) for number in range(process, items, 2)]


def test_all_processes_have_the_first_error(of_each: Results) -> None:
    for broken, *results in of_each(failing):
        assert results == [(f"item: got {min(broken)}, expected another number", [7, 8])] * 3


def test_an_error_is_the_same_in_all_processes(of_each: Results) -> None:
    for error, alone, *processes in of_each(failing_with):
        kind, text = type(error).__name__, str(error)
        assert alone == f"{kind} {text}"
        # one that can't be made again is told by its text
        expected = f"RuntimeError {kind}: {text}" if kind == "IncompleteError" else alone
        assert processes == [expected] * 2


def test_each_group_of_samples_has_one_process(of_each: Results) -> None:
    for count, (values, computed), *processes in of_each(computed_groups):
        assert computed == [*range(count)] * 2
        for process, (same, own) in enumerate(processes):
            assert same == values
            # the influences of a single group are those of its samples, which every process needs
            groups = [*range(process, count, 2)]
            assert own == groups + (groups if count > 1 else [0])


def test_they_find_what_one_finds(of_each: Results) -> None:
    for _, (alone, _), *processes in of_each(found):
        assert processes == [(alone, 0), (alone, 1)]
