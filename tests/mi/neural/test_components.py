"""Leading components against a full eigendecomposition."""

import pytest
import torch

from ibtrain.mi.neural.components import leading_components


def layer(seed: int, count: int = 2000) -> torch.Tensor:
    """Samples of eight dimensions, of which four have nearly all the variance."""
    generator = torch.Generator().manual_seed(seed)
    scales = torch.tensor([9.0, 7.0, 5.0, 3.0, 0.3, 0.2, 0.1, 0.0])
    return 5 + scales * torch.randn(count, 8, generator=generator)


def start(seed: int = 0, size: int = 4) -> torch.Tensor:
    return torch.randn(8, size, generator=torch.Generator().manual_seed(seed))


def test_the_basis_is_orthonormal_and_spans_the_leading_components() -> None:
    h = layer(0)
    basis = leading_components(h, start())
    torch.testing.assert_close(basis.T @ basis, torch.eye(4))
    leading = torch.linalg.eigh(h.T.cov()).eigenvectors[:, -4:]
    # cosines of the angles between the two subspaces
    cosines = torch.linalg.svdvals(basis.T @ leading)
    # each iteration reduces the angles by (0.3 / 3)^2: they are about 1e-4
    assert cosines.min() > 1 - 1e-5


@pytest.mark.parametrize("iterations", [1, 4])
def test_a_layer_that_hardly_changed_keeps_its_coordinates(
    monkeypatch: pytest.MonkeyPatch, iterations: int
) -> None:
    h = layer(0)
    before = start()
    for _ in range(4):
        before = leading_components(h, before)
    # an even number of iterations would cancel a change of sign that each of them makes
    monkeypatch.setattr("ibtrain.mi.neural.components.QR_ITERATIONS", iterations)
    changed = h + 0.01 * layer(1)
    after = leading_components(changed, before)
    cosines = (before * after).sum(dim=0)
    # of each vector with its earlier version, including the sign
    assert cosines.min() > 0.99


def test_several_layers_at_once() -> None:
    layers = torch.stack([layer(0), layer(1)])
    bases = leading_components(layers, torch.stack([start(0), start(1)]))
    for index in (0, 1):
        torch.testing.assert_close(bases[index], leading_components(layers[index], start(index)))


def test_dead_units_leave_a_basis_all_the_same() -> None:
    h = layer(0)
    h[:, 2:] = 1.0
    basis = leading_components(h, start())
    torch.testing.assert_close(basis.T @ basis, torch.eye(4))
