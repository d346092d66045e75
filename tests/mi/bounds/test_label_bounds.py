"""Bounds for labels, against double loops, other bounds and closed forms."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import vmap

from ibtrain.mi.bounds.labels import infonce_labels, label_scores, same_class
from ibtrain.mi.bounds.registry import dv, infonce, nwj, smile
from ibtrain.mi.bounds.training import dv_labels

PRIOR = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
LABELS = torch.tensor([0, 1, 0, 2, 0, 1, 0])  # class 2 has a single sample


def scores(*shape: int, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def entropy(shares: Tensor) -> float:
    return -(shares * shares.log()).sum().item()


def test_scores_of_labels_have_the_exact_marginal() -> None:
    matrix = scores(7, 3)
    arguments = label_scores(matrix, LABELS, PRIOR.log())
    joint = sum(matrix[n, c].item() for n, c in enumerate(LABELS)) / 7
    mean = sum(PRIOR[c].item() * math.exp(matrix[n, c]) for n in range(7) for c in range(3)) / 7
    assert nwj(*arguments).item() == pytest.approx(1 + joint - mean)
    assert smile(*arguments).item() == pytest.approx(joint - math.log(mean))
    torch.testing.assert_close(dv(*arguments), dv_labels(matrix, LABELS, PRIOR.log()))


def test_infonce_of_labels_is_infonce_with_the_other_samples_as_negatives() -> None:
    matrix = scores(7, 3)
    joint = matrix[torch.arange(7), LABELS]
    others = torch.stack([matrix[torch.arange(7) != n, LABELS[n]] for n in range(7)])
    bound, normaliser = infonce_labels(matrix, LABELS)
    torch.testing.assert_close(bound, infonce(joint, others))
    torch.testing.assert_close(normaliser, matrix.exp().mean(0).log())


def test_infonce_of_labels_reaches_the_entropy_of_the_batch_and_no_more() -> None:
    limit = entropy(torch.bincount(LABELS) / 7)
    separated = 50 * torch.nn.functional.one_hot(LABELS, 3).double()
    assert infonce_labels(separated, LABELS)[0].item() == pytest.approx(limit)
    assert infonce_labels(scores(7, 3, scale=20), LABELS)[0].item() < limit


def slow_same_class(matrix: Tensor, labels: Tensor, prior: Tensor) -> float:
    total, count = 0.0, len(labels)
    for i in range(count):
        positives = [j for j in range(count) if j != i and labels[j] == labels[i]]
        if not positives:
            continue
        candidates = [k for k in range(count) if k != i]
        sizes = {c: sum(labels[k].item() == c for k in candidates) for c in range(len(prior))}
        weights = [prior[labels[k]].item() / sizes[labels[k].item()] for k in candidates]  # type: ignore[index]
        mean = sum(w * math.exp(matrix[i, k]) for w, k in zip(weights, candidates, strict=True))
        total += sum(matrix[i, j].item() for j in positives) / len(positives)
        total -= math.log(mean / sum(weights))
    return total / count


@pytest.mark.parametrize("labels", [LABELS, torch.zeros(7, dtype=torch.long), torch.arange(7) % 3])
def test_same_class_is_the_mean_over_anchors(labels: Tensor) -> None:
    matrix = scores(7, 7)
    value = same_class(matrix, labels, PRIOR.log()).item()
    assert value == pytest.approx(slow_same_class(matrix, labels, PRIOR))
    # a sample is not its own positive
    assert value == same_class(matrix + 9 * torch.eye(7), labels, PRIOR.log()).item()


def test_same_class_has_finite_gradients_without_any_pair() -> None:
    for labels in (torch.arange(3), torch.zeros(1, dtype=torch.long)):
        matrix = scores(len(labels), len(labels)).requires_grad_()
        value = same_class(matrix, labels, PRIOR.log())
        (gradient,) = torch.autograd.grad(value, matrix)
        assert value.item() == 0
        assert gradient.isfinite().all()


SHARES = torch.tensor([0.8, 0.2], dtype=torch.float64)
CENTRES = torch.tensor([-1.0, 1.5], dtype=torch.float64)
"""h given the class is normal with this mean and variance 1."""


def likelihoods(h: Tensor) -> Tensor:
    return torch.exp(-0.5 * (h.unsqueeze(1) - CENTRES) ** 2) / math.sqrt(2 * math.pi)


def log_ratio(h: Tensor) -> Tensor:
    """The best critic of two samples of a class, log p(h' | h) - log p(h')."""
    posteriors = likelihoods(h) * SHARES
    posteriors = posteriors / posteriors.sum(1, keepdim=True)
    return ((posteriors / SHARES) @ posteriors.T).log()


def information() -> tuple[float, float]:
    """I(h; y) and I(h; h') by quadrature."""
    grid = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    step = (grid[1] - grid[0]).item()
    given = likelihoods(grid)
    density = given @ SHARES
    terms = given * SHARES * (given / density.unsqueeze(1)).clamp_min(1e-300).log()
    pairs = (given * SHARES) @ given.T
    ratio = (pairs / (density.unsqueeze(1) * density)).clamp_min(1e-300)
    return terms.sum().item() * step, (pairs * ratio.log()).sum().item() * step**2


def batches(size: int, count: int) -> tuple[Tensor, Tensor]:
    """h and labels of many batches, ``(count, size)``."""
    generator = np.random.default_rng(0)
    labels = torch.from_numpy(generator.choice(2, (count, size), p=SHARES.numpy()))
    return CENTRES[labels] + torch.from_numpy(generator.standard_normal((count, size))), labels


def mean_and_error(values: Tensor) -> tuple[float, float]:
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def mean_value(
    size: int, count: int, critic: Callable[[Tensor, Tensor], Tensor]
) -> tuple[float, float]:
    """Mean and standard error of the bound over batches."""

    def value(h: Tensor, labels: Tensor) -> Tensor:
        return same_class(critic(h, labels), labels, SHARES.log())

    return mean_and_error(vmap(value)(*batches(size, count)))


def test_same_class_of_large_batches_is_the_information_of_two_samples_of_a_class() -> None:
    of_label, of_pair = information()
    assert of_pair < of_label
    value, error = mean_value(512, 60, lambda h, y: log_ratio(h))
    assert value == pytest.approx(of_pair, abs=3 * error + 2e-3)
    assert 3 * error < 0.02


@pytest.mark.parametrize("size", [3, 8, 32])
def test_same_class_is_at_most_the_information_about_the_label(size: int) -> None:
    of_label, _ = information()
    for sharpness in (0.5, 1.0, 2.0):
        value, error = mean_value(size, 1000, lambda h, y, s=sharpness: s * log_ratio(h))  # type: ignore[misc]
        assert value < of_label - 3 * error


def separated(h: Tensor, labels: Tensor) -> Tensor:
    """A critic that sees the labels, which stands for an h that tells them: I(h; y) is H(y)."""
    return 50.0 * (labels.unsqueeze(1) == labels)


@pytest.mark.parametrize("size", [3, 8, 32])
def test_same_class_is_at_most_the_entropy(size: int) -> None:
    value, error = mean_value(size, 4000, separated)
    assert value < entropy(SHARES) + 3 * error


def test_equal_weights_would_exceed_the_entropy() -> None:
    """Supervised contrastive learning weights all candidates equally."""
    size = 32
    _, labels = batches(size, 4000)
    positives = (labels.unsqueeze(1) == labels.unsqueeze(2)).sum(2) - 1
    terms = torch.where(positives > 0, ((size - 1) / positives.clamp_min(1)).log(), 0.0)
    excess, error = mean_and_error(terms.mean(1) - entropy(SHARES))
    assert excess > 5 * error
    assert excess == pytest.approx(1 / (2 * size), abs=3 * error)
