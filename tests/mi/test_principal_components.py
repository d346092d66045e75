"""Principal components against numpy's singular vectors."""

import numpy as np
import pytest
import torch

from ibtrain.mi import components
from ibtrain.mi.components import leading_components


@pytest.mark.parametrize("max_fitted", [1000, 30])
def test_they_are_the_leading_singular_vectors(
    max_fitted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "MAX_FITTED", max_fitted)
    h = torch.randn(30, 40, generator=torch.Generator().manual_seed(0)) * torch.linspace(1, 4, 40)
    centred = (h - h.mean(dim=0)).numpy()
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    result = leading_components(h, 3)
    np.testing.assert_allclose(np.abs(result.values.numpy()), np.abs(u[:, :3] * s[:3]), atol=1e-4)
    assert result.variance_share == pytest.approx((s[:3] ** 2).sum() / (s**2).sum(), abs=1e-6)


def test_a_sample_gives_orthonormal_directions_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples in a plane: two directions keep all distances, whichever samples they are fitted to."""
    monkeypatch.setattr(components, "MAX_FITTED", 10)
    generator = torch.Generator().manual_seed(0)
    h = (torch.randn(50, 2, generator=generator) @ torch.randn(2, 20, generator=generator)).double()
    result = leading_components(h, 2)
    distances = torch.cdist(result.values, result.values)
    torch.testing.assert_close(distances, torch.cdist(h, h), atol=1e-5, rtol=1e-6)
    assert result.variance_share == pytest.approx(1.0, abs=1e-6)


def test_a_narrow_or_constant_layer_keeps_all() -> None:
    assert leading_components(torch.ones(5, 3), 4) == (pytest.approx(torch.zeros(5, 3)), 1.0)
