"""Kernel measures of dependence, against other formulas and closed forms."""

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ibtrain.config import ObjectiveConfig, RunConfig
from ibtrain.errors import ConfigError
from ibtrain.train.objectives import BlockSpec, make_objective
from ibtrain.train.objectives.hsic import RIDGE, HSICBottleneck, normalised
from ibtrain.train.objectives.kernel import KernelBottleneck, gaussian_gram, squared_distances
from ibtrain.train.objectives.renyi import RenyiBottleneck, renyi_entropies

LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 2, 0, 1, 1])
N = len(LABELS)
SPEC = BlockSpec((5,), torch.full((3,), 1 / 3).log(), index=0, count=3)
STEP = 1e-5


def features(dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(N, dim, generator=generator, dtype=torch.float64)


def test_distances_and_gaussian_kernels() -> None:
    h = 1000 + features(5)
    distances = squared_distances(h)
    torch.testing.assert_close(distances, torch.cdist(h, h) ** 2)
    assert (distances.diagonal() == 0).all()
    expected = math.exp(-0.5 * (h[0] - h[3]).square().sum().item() / 0.7**2)
    assert gaussian_gram(distances, 0.7)[0, 3].item() == pytest.approx(expected)


def slow_nhsic(a: np.ndarray, b: np.ndarray) -> float:  # type: ignore[type-arg]
    """From centring matrices, loops over samples, and inverses."""
    centring, tilde = np.eye(N) - 1 / N, []
    for rows in (a, b):
        variance = 25 * rows.shape[1]
        gram = [[np.exp(-np.sum((u - v) ** 2) / (2 * variance)) for v in rows] for u in rows]
        centred = centring @ np.array(gram) @ centring
        tilde.append(centred @ np.linalg.inv(centred + RIDGE * N * np.eye(N)))
    return float(np.trace(tilde[0] @ tilde[1]))


def test_nhsic_is_that_of_the_paper() -> None:
    x, h = features(4), features(5, seed=1)
    objective = make_objective(
        "hsic", nn.Identity(), SPEC, ObjectiveConfig(name="hsic", beta=0.3, predict_from="clean")
    ).double()
    _, metrics = objective.loss(x, h, LABELS)
    one_hot = np.eye(3)[LABELS.numpy()]
    assert metrics["hsic_hy"].item() == pytest.approx(slow_nhsic(h.numpy(), one_hot), rel=1e-4)
    assert metrics["hsic_xh"].item() == pytest.approx(slow_nhsic(h.numpy(), x.numpy()), rel=1e-4)


def test_nhsic_of_a_variable_with_itself_counts_its_dimensions() -> None:
    # 2 dimensions under a linear kernel, of which the ridge takes next to nothing
    h = features(2)
    tilde = normalised(100 * h @ h.T)
    assert (tilde * tilde).sum().item() == pytest.approx(2, abs=1e-3)
    constant = normalised(torch.ones(N, N, dtype=torch.float64))
    assert (tilde * constant).sum().item() == pytest.approx(0, abs=1e-9)


def test_entropies_of_known_spectra() -> None:
    same = (LABELS.unsqueeze(1) == LABELS).double()
    shares = np.bincount(LABELS) / N
    found = renyi_entropies([torch.eye(N).double(), torch.ones(N, N).double(), same], alpha=1.5)
    expected = [math.log(N), 0.0, math.log((shares**1.5).sum()) / (1 - 1.5)]
    assert found.tolist() == pytest.approx(expected, abs=1e-3)
    # of order 2 it needs no eigenvalues
    gram = gaussian_gram(squared_distances(features(3)), 1.0)
    second = -torch.log((gram / N).square().sum())
    torch.testing.assert_close(renyi_entropies([gram], alpha=2.0)[0], second, atol=1e-4, rtol=0)
    # near 1 it is Shannon's
    values = np.linalg.eigvalsh(gram.numpy() / N)
    assert renyi_entropies([gram])[0].item() == pytest.approx(
        -(values * np.log(values)).sum(), abs=0.02
    )


def test_renyi_information_of_labels() -> None:
    """h that tells the label and nothing else knows its whole entropy; a constant h nothing."""
    config = ObjectiveConfig(name="renyi", beta=0)
    objective = make_objective("renyi", nn.Identity(), SPEC, config)
    assert isinstance(objective, RenyiBottleneck)
    same = (LABELS.unsqueeze(1) == LABELS).double()
    (known,) = objective.dependences(same, [same])
    (nothing,) = objective.dependences(torch.ones_like(same), [same])
    assert known.item() == pytest.approx(renyi_entropies([same])[0].item(), abs=1e-3)
    assert nothing.item() == pytest.approx(0, abs=1e-3)
    one_hot = nn.functional.one_hot(LABELS, 3).double()
    assert torch.equal(objective.label_gram(one_hot), same)


def slow_entropy(gram: np.ndarray) -> float:  # type: ignore[type-arg]
    powers = [max(value, 0.0) ** 1.01 for value in np.linalg.eigvalsh(gram / N)]
    return math.log(sum(powers)) / (1 - 1.01)


def test_renyi_information_is_the_sum_of_entropies_minus_the_joint_one() -> None:
    objective = make_objective("renyi", nn.Identity(), SPEC, ObjectiveConfig(name="renyi"))
    assert isinstance(objective, RenyiBottleneck)
    # the kernels' squared widths are half of the mean squared distance
    a, b = (
        np.exp(-distances / distances.mean())
        for distances in (
            squared_distances(features(2)).numpy(),
            squared_distances(features(5, seed=1)).numpy(),
        )
    )
    grams = objective.gram(features(2)), objective.gram(features(5, seed=1))
    (found,) = objective.dependences(grams[0], [grams[1]])
    expected = slow_entropy(a) + slow_entropy(b) - slow_entropy(a * b)
    assert found.item() == pytest.approx(expected, abs=2e-3)
    assert abs(slow_entropy(b) - slow_entropy(a * b)) > 0.01


def test_equal_eigenvalues_have_finite_gradients() -> None:
    # all samples alike, in pairs, and all as far from each other
    for h in (torch.zeros(N, 4), torch.eye(N)[[0, 0, 1, 1, 2, 2, 3, 3, 4, 4]], torch.eye(N)):
        h.requires_grad_()
        objective = make_objective("renyi", nn.Identity(), SPEC, ObjectiveConfig(name="renyi"))
        assert isinstance(objective, RenyiBottleneck)
        gram = objective.gram(h)
        (value,) = objective.dependences(gram, [torch.eye(3)[LABELS] @ torch.eye(3)[LABELS].T])
        (gradient,) = torch.autograd.grad(value, h)
        assert gradient.isfinite().all()


def test_scaling_a_block_does_not_change_its_renyi_information() -> None:
    objective = make_objective("renyi", nn.Identity(), SPEC, ObjectiveConfig(name="renyi"))
    assert isinstance(objective, RenyiBottleneck)
    h = features(5).requires_grad_()
    torch.testing.assert_close(objective.gram(3 * h), objective.gram(h))
    (value,) = objective.dependences(objective.gram(h), [objective.gram(features(4))])
    (gradient,) = torch.autograd.grad(value, h)
    # so that the gradient has no part along the scale, by which the outputs would grow at every step
    assert (gradient * h).sum().item() == pytest.approx(0, abs=1e-6)
    assert gradient.norm() > 1e-3


class Doubled(KernelBottleneck):
    """D is the product of the Gram matrices."""

    name: ClassVar[str] = "product"

    def gram(self, features: Tensor) -> Tensor:
        return features @ features.T

    def dependences(self, gram: Tensor, others: list[Tensor]) -> list[Tensor]:  # type: ignore[override]
        return [(gram * other).mean() for other in others]


@pytest.mark.parametrize("kind", [HSICBottleneck, RenyiBottleneck, Doubled])
def test_the_block_ascends_the_first_term_and_descends_the_second(
    kind: type[KernelBottleneck],
) -> None:
    torch.manual_seed(0)
    block = nn.Sequential(nn.Linear(4, 5), nn.Tanh()).double()
    config = ObjectiveConfig(name="hsic", beta=0.3, predict_from="clean")
    objective = kind(block, SPEC, config).double()
    x = features(4)

    def value() -> float:
        metrics = objective(x, LABELS)[1]
        name = kind.name
        return (metrics[f"{name}_hy"] - 0.3 * metrics[f"{name}_xh"]).item()

    objective(x, LABELS)[0].backward()
    for parameter in block.parameters():
        flat = parameter.data.view(-1)
        for index in range(0, parameter.numel(), 4):
            values = []
            for step in (STEP, -STEP):
                flat[index] += step
                values.append(value())
                flat[index] -= step
            assert parameter.grad is not None
            slope = (values[0] - values[1]) / (2 * STEP)
            assert parameter.grad.view(-1)[index].item() == pytest.approx(-slope, abs=1e-6)


def test_without_beta_the_input_is_not_read() -> None:
    objective = make_objective("hsic", nn.Identity(), SPEC, ObjectiveConfig(name="hsic", beta=0))
    noise = objective.draw(N, torch.Generator(), torch.device("cpu"))
    _, metrics = objective.loss(torch.full((N, 2), torch.nan), features(5).float(), LABELS, *noise)
    assert {"hsic_hy", "mi_ty", "train_accuracy"} == {*metrics}


def test_eigenvalues_cannot_be_recorded_as_a_graph() -> None:
    with pytest.raises(ConfigError, match="cuda_graphs: got true with the objective renyi"):
        RunConfig(objective=ObjectiveConfig(name="renyi"), cuda_graphs=True)
