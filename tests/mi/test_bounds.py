"""The bounds against closed forms and slow references."""

import itertools
import math

import pytest
import torch

from ibtrain.mi.bounds import dv, dv_labels, ema_corrected, log_mean_exp, log_partition_labels

JOINT = torch.tensor([[0.30, 0.05, 0.15], [0.10, 0.35, 0.05]], dtype=torch.float64)


def mutual_information(joint: torch.Tensor) -> float:
    product = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return (joint * (joint / product).log()).sum().item()


def sample_exactly(joint: torch.Tensor, count: int) -> list[tuple[int, int]]:
    """A sample whose empirical distribution is the joint itself."""
    return [
        (i, j)
        for i, j in itertools.product(*map(range, joint.shape))
        for _ in range(round(count * joint[i, j].item()))
    ]


def test_dv_at_the_optimal_critic_is_the_mutual_information() -> None:
    log_ratio = (JOINT / (JOINT.sum(1, keepdim=True) * JOINT.sum(0, keepdim=True))).log()
    pairs = sample_exactly(JOINT, 100)
    joint = torch.stack([log_ratio[pair] for pair in pairs])
    marginal = torch.stack([log_ratio[i, j] for (i, _), (_, j) in itertools.product(pairs, pairs)])
    assert dv(joint, marginal).item() == pytest.approx(mutual_information(JOINT), abs=1e-12)


def test_dv_of_any_other_critic_is_below_the_mutual_information() -> None:
    generator = torch.Generator().manual_seed(0)
    pairs = sample_exactly(JOINT, 100)
    for _ in range(20):
        critic = torch.randn(JOINT.shape, generator=generator, dtype=torch.float64)
        joint = torch.stack([critic[pair] for pair in pairs])
        marginal = torch.stack([critic[i, j] for (i, _), (_, j) in itertools.product(pairs, pairs)])
        assert dv(joint, marginal).item() < mutual_information(JOINT)


def test_dv_labels_at_the_optimal_critic_is_the_mutual_information() -> None:
    log_ratio = (JOINT / (JOINT.sum(1, keepdim=True) * JOINT.sum(0, keepdim=True))).log()
    x, y = map(torch.tensor, zip(*sample_exactly(JOINT, 100), strict=True))
    value = dv_labels(log_ratio[x], y, JOINT.sum(0).log())
    assert value.item() == pytest.approx(mutual_information(JOINT), abs=1e-12)


def test_exact_label_marginal_equals_every_sample_meeting_every_label() -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(40, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (40,), generator=generator)
    log_prior = (torch.bincount(labels, minlength=4).double() / 40).log()
    shuffled = torch.stack([scores[n, labels[m]] for n in range(40) for m in range(40)])
    exact = log_partition_labels(scores, log_prior)
    assert exact.item() == pytest.approx(log_mean_exp(shuffled).item(), abs=1e-12)


def test_an_unlikely_label_weighs_as_little_as_its_probability() -> None:
    scores = torch.tensor([[0.0, 3.0]], dtype=torch.float64)
    log_prior = torch.tensor([0.9, 0.1], dtype=torch.float64).log()
    expected = math.log(0.9 + 0.1 * math.exp(3))
    assert log_partition_labels(scores, log_prior).item() == pytest.approx(expected, abs=1e-12)


def test_bounds_do_not_overflow_at_scores_of_size_1000() -> None:
    scores = torch.tensor([1000.0, -1000.0, 500.0], requires_grad=True)
    value = dv(scores, scores)
    value.backward()
    assert value.isfinite()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def test_ema_correction_keeps_the_value_and_divides_the_gradient_by_the_average() -> None:
    marginal = torch.randn(50, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    marginal.requires_grad_(True)
    joint = torch.tensor(0.7, dtype=torch.float64)
    log_average = torch.tensor(0.4, dtype=torch.float64)
    value = ema_corrected(joint, log_mean_exp(marginal), log_average)
    (gradient,) = torch.autograd.grad(value, marginal)
    expected = -marginal.detach().exp() / 50 / math.exp(0.4)
    assert value.item() == pytest.approx((joint - log_mean_exp(marginal)).item(), abs=1e-12)
    torch.testing.assert_close(gradient, expected)
