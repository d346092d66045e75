"""Tests of critics and of the pairs that they score."""

import pytest
import torch

from ibtrain.mi.neural.critics import (
    SCORE_FLOOR,
    SCORE_LIMIT,
    ClassCritic,
    DistanceCritic,
    PairCritic,
    SeparableCritic,
)


def some_distance_critic() -> DistanceCritic:
    """A critic with random parameters, unlike a new one."""
    torch.manual_seed(0)
    critic = DistanceCritic(3, (8,)).double()
    for parameter in critic.parameters():
        torch.nn.init.normal_(parameter)
    return critic


@pytest.mark.parametrize("count", [2, 3, 64])
def test_other_pairs_are_never_true_ones_and_each_t_is_met_once(count: int) -> None:
    torch.manual_seed(0)
    critic = PairCritic(3, 2, [8])
    x, t = torch.randn(count, 3), torch.randn(count, 2)
    matrix = critic.matrix(x, t)
    joint, marginal = critic(x, t)
    torch.testing.assert_close(joint, matrix.diagonal())
    torch.testing.assert_close(marginal, matrix.roll(-1, 1).diagonal())


def test_pair_scores_equal_a_plain_network_on_the_concatenation() -> None:
    torch.manual_seed(0)
    critic = PairCritic(3, 2, [8, 4])
    x, t = torch.randn(5, 3), torch.randn(5, 2)
    joint, marginal = critic(x, t)
    weight = torch.cat([critic.embed_x.weight, critic.embed_t.weight], dim=1)
    for scores, paired in ((joint, t), (marginal, t[[1, 2, 3, 4, 0]])):
        hidden = torch.cat([x, paired], dim=1) @ weight.T + critic.embed_x.bias
        plain = critic.tail(hidden).squeeze(1)
        torch.testing.assert_close(scores, SCORE_LIMIT * torch.tanh(plain / SCORE_LIMIT))


def test_a_critic_of_one_space_starts_as_a_function_of_the_difference() -> None:
    critic = PairCritic(4, 4, [16], same_space=True)
    x, t, shift = torch.randn(3, 6, 4)
    joint, _ = critic(x, t)
    moved, _ = critic(x + shift, t + shift)
    torch.testing.assert_close(joint, moved, atol=1e-5, rtol=1e-5)


def test_pair_scores_stay_within_their_limit() -> None:
    critic = PairCritic(2, 2, [4])
    joint, marginal = critic(1e6 * torch.randn(9, 2), torch.randn(9, 2))
    assert torch.cat([joint, marginal]).abs().max() <= SCORE_LIMIT


def test_a_class_critic_without_hidden_layers_is_linear() -> None:
    critic = ClassCritic(5, 3, [])
    a, b = torch.randn(2, 7, 5)
    torch.testing.assert_close(critic(a) + critic(b), 2 * critic((a + b) / 2))


@pytest.mark.parametrize("kind", [PairCritic, SeparableCritic])
def test_shifted_scores_are_entries_of_the_matrix(kind: type[PairCritic | SeparableCritic]) -> None:
    torch.manual_seed(0)
    critic = kind(3, 2, (8,))
    torch.nn.init.normal_(next(iter(critic.parameters())))
    x, y = torch.randn(5, 3), torch.randn(5, 2)
    matrix = critic.matrix(x, y)
    expected = torch.stack([matrix[i, [i, (i + 2) % 5, (i + 4) % 5]] for i in range(5)])
    torch.testing.assert_close(critic.shifted(x, y, [0, 2, 4]), expected)


def test_a_distance_critic_starts_as_the_distance() -> None:
    x, t = torch.randn(6, 3), torch.randn(4, 3)
    expected = -0.5 * torch.cdist(x, t).square()
    torch.testing.assert_close(DistanceCritic(3).matrix(x, t), expected, atol=1e-5, rtol=1e-4)


def test_a_distance_critic_scores_each_pair_by_its_formula() -> None:
    critic = some_distance_critic()
    x, t = torch.randn(5, 3).double(), torch.randn(4, 3).double()
    matrix = critic.matrix(x, t)
    half = SCORE_LIMIT / 2

    def parts(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        a, b, *rest = critic.residual(z.unsqueeze(0)).squeeze(0)
        u = critic.linear.weight @ z + torch.stack(rest)
        return half * torch.tanh(a / half), half * torch.tanh(b / half), u

    for i in range(5):
        for j in range(4):
            a, _, u = parts(x[i])
            _, b, v = parts(t[j])
            expected = a + b - 0.5 * (u - v).square().sum()
            torch.testing.assert_close(matrix[i, j], expected)


def test_a_distance_critic_gives_true_pairs_and_all_others() -> None:
    critic = some_distance_critic()
    x, t = 0.3 * torch.randn(2, 6, 3).double()
    matrix = critic.matrix(x, t)
    joint, marginal = critic(x, t)
    torch.testing.assert_close(joint, matrix.diagonal())
    rows = [torch.cat([matrix[i, :i], matrix[i, i + 1 :]]) for i in range(6)]
    torch.testing.assert_close(marginal, torch.stack(rows).clamp_min(SCORE_FLOOR))


def test_a_distance_critic_is_bounded_above_and_cuts_what_is_far() -> None:
    critic = some_distance_critic()
    x = 1e3 * torch.randn(9, 3).double()
    near, far = critic(x, x)
    # rounding errors of squares of 1e8
    assert near.max() <= SCORE_LIMIT + 1e-6
    assert far.min() == SCORE_FLOOR
