"""Terms on pairs of samples: their formulas, their weights, and that they are only where they were asked for."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from ibtrain.config import ObjectiveConfig
from ibtrain.mi.bounds.labels import same_class
from ibtrain.train.objectives import BlockSpec, make_objective
from ibtrain.train.objectives.terms import (
    SameClassTerm,
    SimilarityTerm,
    cosine_similarities,
    pair_terms,
)

PRIOR = torch.tensor([0.5, 0.3, 0.2]).log()
LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 2, 0])


def spec(shape: tuple[int, ...] = (5,), index: int = 0) -> BlockSpec:
    return BlockSpec(shape, PRIOR, index=index, count=3)


def features(*shape: int) -> Tensor:
    return torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))


def cosines(rows: np.ndarray) -> np.ndarray:
    """Cosines of the angles between rows, after the mean row is subtracted."""
    return 1 - cdist(rows - rows.mean(0), rows - rows.mean(0), "cosine")


def test_similarities_are_cosines_about_the_mean_of_the_batch() -> None:
    h = features(5)
    expected = torch.from_numpy(cosines(h.double().numpy())).float()
    torch.testing.assert_close(cosine_similarities(h), expected)
    # a constant that all samples share changes nothing; it would be most of the cosine of ReLU outputs
    torch.testing.assert_close(cosine_similarities(h + 3), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(5,), (4, 6, 6)])
def test_similarity_matching_is_a_mean_over_pairs(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    term, h = SimilarityTerm(spec(shape), 2.0), features(*shape)
    read = h if len(shape) == 1 else nn.functional.avg_pool2d(h, 2)
    rows = (read.flatten(1) @ term.layer[-1].weight.T).detach().double().numpy()
    of_h, of_y = cosines(rows), cosines(np.eye(3)[LABELS.numpy()])
    total = sum((of_h[i, j] - of_y[i, j]) ** 2 for i in range(8) for j in range(8)) / 64
    loss, metrics = term(h, LABELS)
    assert metrics["similarity_loss"].item() == pytest.approx(total, abs=1e-6)
    assert loss.item() == pytest.approx(2 * total, abs=1e-5)


def test_inactive_units_have_finite_gradients() -> None:
    for shape in ((5,), (4, 6, 6)):
        h = torch.zeros(8, *shape, requires_grad=True)
        for kind in (SimilarityTerm, SameClassTerm):
            (gradient,) = torch.autograd.grad(kind(spec(shape), 1.0)(h, LABELS)[0], h)
            assert gradient.isfinite().all()


def test_the_same_class_term_scores_all_pairs_of_the_batch() -> None:
    torch.manual_seed(0)
    term, h = SameClassTerm(spec(), 0.5), features(5)
    nn.init.normal_(term.critic.gains)
    pairs = [term.critic.matrix(h[i : i + 1], h[j : j + 1]) for i in range(8) for j in range(8)]
    expected = same_class(torch.cat(pairs).view(8, 8), LABELS, PRIOR)
    loss, metrics = term(h, LABELS)
    torch.testing.assert_close(metrics["mi_hh"], expected.detach())
    torch.testing.assert_close(loss, -0.5 * expected)
    # the batch's frequencies are not the classes' probabilities
    assert metrics["mi_hh"] != same_class(torch.cat(pairs).view(8, 8), LABELS, torch.zeros(3))


@pytest.mark.parametrize("name", ["ib", "cross-entropy", "nwj", "hsic"])
def test_terms_are_added_to_hidden_blocks(name: str) -> None:
    config = ObjectiveConfig(
        name=name, beta=0, same_class=0.5, similarity=2.0, predict_from="clean"
    )
    x = features(4)

    def loss(**weights: float) -> tuple[float, dict[str, float]]:
        settings = ObjectiveConfig(name=name, beta=0, predict_from="clean", **weights)
        objective = make_objective(name, block, spec(), settings)
        value, metrics = objective(x, LABELS)
        return value.item(), {key: metric.item() for key, metric in metrics.items()}

    torch.manual_seed(0)
    block = nn.Linear(4, 5)
    objective = make_objective(name, block, spec(), config)
    value, metrics = objective(x, LABELS)
    alone, _ = loss()
    expected = alone - 0.5 * metrics["mi_hh"].item() + 2 * metrics["similarity_loss"].item()
    assert value.item() == pytest.approx(expected, abs=1e-5)
    assert not {"mi_hh", "similarity_loss"} & {*loss()[1]}


def test_the_output_block_has_no_terms() -> None:
    config = ObjectiveConfig(same_class=1.0, similarity=1.0)
    assert [type(term) for term in pair_terms(spec(), config)] == [SameClassTerm, SimilarityTerm]
    assert not pair_terms(spec(index=2), config)
    assert not pair_terms(spec(), ObjectiveConfig())


def test_terms_read_what_the_prediction_reads() -> None:
    config = ObjectiveConfig(name="dv", similarity=1.0, noise_std=0.7, predict_from="noisy")
    torch.manual_seed(0)
    objective = make_objective("dv", nn.Linear(4, 5), spec(), config)
    x = features(4)
    (eps,) = objective.draw(8, torch.Generator().manual_seed(1), x.device)
    _, metrics = objective(x, LABELS, eps)
    (term,) = objective.terms  # type: ignore[union-attr]
    expected, _ = term(objective.block(x) + 0.7 * eps, LABELS)
    torch.testing.assert_close(metrics["similarity_loss"], expected.detach())
    assert math.isfinite(expected.item())
