"""The bounds against closed forms and slow references."""

import itertools
import math

import pytest
import torch

from ibtrain.mi.bounds.base import Bound, Weights, log_mean_exp
from ibtrain.mi.bounds.registry import Smile, dv, infonce, js, likelihood, nwj, smile
from ibtrain.mi.bounds.training import dv_labels, ema_corrected, tuba
from ibtrain.mi.neural.critics import SeparableCritic

JOINT = torch.tensor([[0.30, 0.05, 0.15], [0.10, 0.35, 0.05]], dtype=torch.float64)


def mutual_information(joint: torch.Tensor) -> float:
    product = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return (joint * (joint / product).log()).sum().item()


def sample_exactly(joint: torch.Tensor, count: int) -> list[tuple[int, int]]:
    """Returns a sample whose empirical distribution equals the joint distribution."""
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
    expected = scores[torch.arange(40), labels].mean() - log_mean_exp(shuffled)
    assert dv_labels(scores, labels, log_prior).item() == pytest.approx(expected.item(), abs=1e-12)


def test_an_unlikely_label_weighs_as_little_as_its_probability() -> None:
    scores = torch.tensor([[0.0, 3.0]], dtype=torch.float64)
    log_prior = torch.tensor([0.9, 0.1], dtype=torch.float64).log()
    for label, score in enumerate((0.0, 3.0)):
        value = dv_labels(scores, torch.tensor([label]), log_prior).item()
        assert value == pytest.approx(score - math.log(0.9 + 0.1 * math.exp(3)), abs=1e-12)


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


def test_the_tangent_lies_below_the_bound_and_touches_it_at_its_own_partition() -> None:
    generator = torch.Generator().manual_seed(3)
    joint, marginal = torch.randn(2, 50, generator=generator, dtype=torch.float64)
    log_marginal = torch.randn(50, generator=generator, dtype=torch.float64).log_softmax(dim=0)
    for weights in (Weights(), Weights(None, log_marginal)):
        value = dv(joint, marginal, weights)
        log_partition = dv.means(joint, marginal, weights)[1]
        assert tuba(joint, marginal, log_partition, weights).item() == pytest.approx(
            value.item(), abs=1e-12
        )
        for step in (-0.5, 0.5):
            gap = value - tuba(joint, marginal, log_partition + step, weights)
            assert gap.item() == pytest.approx(math.exp(-step) - 1 + step, abs=1e-12)


def test_the_tangent_at_the_average_has_the_corrected_gradient() -> None:
    generator = torch.Generator().manual_seed(4)
    scores = torch.randn(2, 50, generator=generator, dtype=torch.float64, requires_grad=True)
    joint, marginal = scores
    log_average = torch.tensor(0.4, dtype=torch.float64)
    corrected = ema_corrected(joint.mean(), log_mean_exp(marginal), log_average)
    (expected,) = torch.autograd.grad(corrected, scores, retain_graph=True)
    (gradient,) = torch.autograd.grad(tuba(joint, marginal, log_average), scores)
    torch.testing.assert_close(gradient, expected)


def table(joint: torch.Tensor) -> tuple[torch.Tensor, Weights]:
    """Returns every cell as a true pair and as a pair of the marginals, weighted by its probabilities."""
    product = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return (joint / product).log(), Weights(joint.flatten().log(), product.log())


@pytest.mark.parametrize("bound", [dv, nwj])
def test_bounds_are_tight_at_the_log_ratio(bound: Bound) -> None:
    log_ratio, weights = table(JOINT)
    value = bound(log_ratio.flatten(), log_ratio, weights).item()
    assert value == pytest.approx(mutual_information(JOINT), abs=1e-12)


@pytest.mark.parametrize("bound", [dv, nwj, js])
def test_the_log_ratio_is_the_best_critic(bound: Bound) -> None:
    log_ratio, weights = table(JOINT)
    best = bound(log_ratio.flatten(), log_ratio, weights).item()
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        critic = log_ratio + 0.1 * torch.randn(JOINT.shape, generator=generator).double()
        assert bound(critic.flatten(), critic, weights).item() < best


def test_js_is_the_jensen_shannon_divergence() -> None:
    log_ratio, weights = table(JOINT)
    product = JOINT.sum(1, keepdim=True) * JOINT.sum(0, keepdim=True)
    middle = 0.5 * (JOINT + product)
    divergence = (JOINT * (JOINT / middle).log() + product * (product / middle).log()).sum().item()
    value = js(log_ratio.flatten(), log_ratio, weights).item()
    assert value == pytest.approx(divergence - math.log(4), abs=1e-12)


def test_smile_is_dv_until_it_clips() -> None:
    log_ratio, weights = table(JOINT)
    wide = Smile(10.0)(log_ratio.flatten(), log_ratio, weights)
    narrow = Smile(0.1)(log_ratio.flatten(), log_ratio, weights)
    clipped = dv(log_ratio.flatten(), log_ratio.clamp(-0.1, 0.1), weights)
    assert wide.item() == pytest.approx(mutual_information(JOINT), abs=1e-12)
    assert narrow.item() == pytest.approx(clipped.item(), abs=1e-12)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_log_mean_of_exponentials_is_exact_wherever_the_smallest_score_is(place: int) -> None:
    """Relative to a score of -1e7 the other scores would be lost, as float32 has only seven digits."""
    scores = torch.tensor([0.0, 1.0]).tolist()
    scores.insert(place, -1e7)
    expected = math.log((1 + math.e) / 3)
    assert log_mean_exp(torch.tensor(scores)).item() == pytest.approx(expected, abs=1e-6)


def test_infonce_is_the_mean_log_likelihood_of_the_true_pair() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    rest = torch.stack([torch.cat([scores[i, :i], scores[i, i + 1 :]]) for i in range(6)])
    expected = scores.log_softmax(dim=1).diagonal().mean().item() + math.log(6)
    assert infonce(scores.diagonal(), rest).item() == pytest.approx(expected, abs=1e-12)


def test_infonce_never_exceeds_the_logarithm_of_the_candidates() -> None:
    assert infonce(torch.full((4,), 90.0), torch.full((4, 7), -90.0)).item() == pytest.approx(
        math.log(8)
    )


def test_likelihood_of_a_label_is_its_entropy_less_the_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (50,), generator=generator)
    prior = torch.bincount(labels, minlength=3).double() / 50
    joint = scores.gather(1, labels.unsqueeze(1)).squeeze(1)
    weights = Weights(None, (prior.log() - math.log(50)).expand(50, 3))
    cross_entropy = torch.nn.functional.cross_entropy(scores + prior.log(), labels).item()
    entropy = -(prior * prior.log()).sum().item()
    value = likelihood(joint, scores, weights).item()
    assert value == pytest.approx(entropy - cross_entropy, abs=1e-12)


@pytest.mark.parametrize("bound", [dv, nwj, smile, js, infonce, likelihood])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [100.0, -100.0])
def test_large_scores_give_finite_values_and_gradients(
    bound: Bound, dtype: torch.dtype, size: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = (size + torch.randn(8, 8, generator=generator)).to(dtype).requires_grad_()
    value = bound(scores.diagonal(), scores[:, 1:])  # type: ignore[call-arg]
    value.backward()
    assert torch.isfinite(value)
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert scores.grad.abs().sum() > 0


def test_nwj_stays_below_dv_where_it_follows_its_tangent() -> None:
    joint = torch.tensor([60.0, 70.0], dtype=torch.float64)
    for partition in (-3.0, 0.0, 49.0, 51.0, 100.0, 1e4):
        marginal = torch.full((4,), partition, dtype=torch.float64)
        assert nwj(joint, marginal).item() <= dv(joint, marginal).item() + 1e-9


@pytest.mark.parametrize("bound", [dv, nwj, smile, js, infonce])
def test_a_critic_under_autocast_has_finite_gradients(bound: Bound) -> None:
    torch.manual_seed(0)
    critic = SeparableCritic(3, 3, (16,), 4)
    torch.nn.init.constant_(critic.gains, 50.0)
    x, y = torch.randn(2, 12, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        matrix = critic.matrix(x, y)
        value = bound(matrix.diagonal(), matrix[:, 1:])  # type: ignore[call-arg]
    value.backward()
    assert torch.isfinite(value)
    assert all(torch.isfinite(p.grad).all() for p in critic.parameters() if p.grad is not None)


def test_infonce_counts_each_candidate_by_its_weight() -> None:
    joint = torch.tensor([0.5], dtype=torch.float64)
    marginal = torch.tensor([[1.0, -1.0, 7.0]], dtype=torch.float64)
    weights = Weights(None, torch.tensor([[0.5, 0.5, 1e-300]], dtype=torch.float64).log())
    mean = 0.5 * (math.exp(1.0) + math.exp(-1.0))
    expected = 0.5 - math.log((math.exp(0.5) + 3 * mean) / 4)
    assert infonce(joint, marginal, weights).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("bound", [dv, nwj, smile, js, infonce, likelihood])
def test_scores_of_low_precision_are_raised_first(bound: Bound) -> None:
    scores = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    low = bound(scores.diagonal(), scores[:, 1:])  # type: ignore[call-arg]
    full = bound(scores.diagonal().float(), scores[:, 1:].float())  # type: ignore[call-arg]
    assert low.dtype == torch.float32
    assert low.item() == pytest.approx(full.item(), abs=1e-5)
