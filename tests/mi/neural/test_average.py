"""Running averages against direct computation without logarithms, and step by step."""

import math

import pytest
import torch

from ibtrain.mi.neural.average import MAX_DECAY, UPDATE_EVERY, LogAverage, WeightAverage


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
        updated = together.update(values)
        expected = [average.update(value) for average, value in zip(alone, values, strict=True)]
        torch.testing.assert_close(updated, torch.stack(expected))


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_what_is_not_finite_leaves_the_average_as_it_is(broken: float) -> None:
    average = LogAverage(0.1, 2)
    average.update(torch.tensor([broken, 1.0]))
    assert average.value.tolist() == [-math.inf, 1.0]
    average.update(torch.tensor([2.0, broken]))
    assert average.value.tolist() == [2.0, 1.0]


def test_a_weights_average_counts_the_steps_that_it_has_not_seen_as_steps_to_the_newest() -> None:
    average, weights = torch.zeros(3), torch.zeros(3)
    running = WeightAverage(average, weights)
    reference = torch.zeros(3)
    for step in range(1, 43):
        weights.copy_(torch.tensor([1.0, 2.0, -3.0]) * (step % 7))
        running.count_step()
        steps_since_update = UPDATE_EVERY if step % UPDATE_EVERY == 0 else 2 if step == 42 else 0
        for _ in range(steps_since_update):
            decay = step / (step + 9)
            reference = decay * reference + (1 - decay) * weights
    running.catch_up()
    torch.testing.assert_close(average, reference)
    running.catch_up()
    torch.testing.assert_close(average, reference)


def test_a_weights_average_forgets_its_start_and_follows_slowly_later() -> None:
    average, weights = torch.full((1,), 100.0), torch.ones(1)
    running = WeightAverage(average, weights)
    for _ in range(3000):
        running.count_step()
    assert average.item() == pytest.approx(1.0, abs=1e-5)
    weights.fill_(2.0)
    for _ in range(100):
        running.count_step()
    assert average.item() == pytest.approx(2 - MAX_DECAY**100, abs=1e-5)
