"""The running average against arithmetic in the plain domain."""

import math

import pytest
import torch

from ibtrain.mi.average import LogAverage


def test_it_starts_from_the_first_value_and_then_moves_by_its_rate() -> None:
    average = LogAverage(0.1)
    expected = 2.0
    for value in (2.0, 5.0, 0.5):
        expected = expected if value == 2.0 else 0.9 * expected + 0.1 * value
        result = average.update(torch.tensor(math.log(value)))
        assert result.item() == pytest.approx(math.log(expected), abs=1e-6)


def test_rate_one_keeps_no_memory() -> None:
    average = LogAverage(1.0)
    average.update(torch.tensor(100.0))
    assert average.update(torch.tensor(-3.0)).item() == -3.0


def test_a_resumed_average_goes_on_from_its_buffer() -> None:
    first, second = LogAverage(0.1), LogAverage(0.1)
    first.update(torch.tensor(1.0))
    second.load_state_dict(first.state_dict())
    value = torch.tensor(4.0)
    assert first.update(value) == second.update(value)
    assert first.value.isfinite()


def test_averages_side_by_side_are_those_of_each_alone() -> None:
    together, alone = LogAverage(0.1, 2), [LogAverage(0.1), LogAverage(0.1)]
    for values in torch.tensor([[0.0, 3.0], [1.0, -1.0], [2.0, 2.0]]):
        found = together.update(values)
        expected = [average.update(value) for average, value in zip(alone, values, strict=True)]
        torch.testing.assert_close(found, torch.stack(expected))


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_what_is_not_finite_leaves_the_average_as_it_is(broken: float) -> None:
    average = LogAverage(0.1, 2)
    average.update(torch.tensor([broken, 1.0]))
    assert average.value.tolist() == [-math.inf, 1.0]
    average.update(torch.tensor([2.0, broken]))
    assert average.value.tolist() == [2.0, 1.0]
