"""The information profile against the exact value at each noise."""

import pytest
import torch

from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.channel.profile import channel_profile

NOISES = (0.02, 0.16, 0.5, 1.0, 3.0)


def layer(dim: int, count: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(dim)
    labels = torch.randint(0, 3, (count,), generator=generator)
    h = torch.randn(count, dim, generator=generator) + 0.8 * labels.unsqueeze(1)
    return torch.relu(h), labels


@pytest.mark.parametrize("dim", [1, 4, 60])
@pytest.mark.parametrize("entries", [1 << 22, 7000])
def test_it_is_the_exact_value_at_each_noise(
    dim: int, entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same noise vectors, only rounding differs."""
    monkeypatch.setattr("ibtrain.mi.channel.exact.BLOCK_ENTRIES", entries)
    h, labels = layer(dim)
    profile = channel_profile(h.double(), NOISES, labels, draws=3, seed=5)
    for noise, point in zip(NOISES, profile, strict=True):
        exact = channel_mi(h.double(), noise, labels, draws=3, seed=5)
        assert exact.mi_ty is not None
        assert point.mi_ty is not None
        for value, expected in ((point.mi_xt, exact.mi_xt), (point.mi_ty, exact.mi_ty)):
            assert value.mi == pytest.approx(expected.mi, abs=1e-7)
            assert value.stderr == pytest.approx(expected.stderr, abs=1e-7)
            assert value.ceiling == pytest.approx(expected.ceiling, abs=1e-6)


def test_float32_is_accurate_enough() -> None:
    h, labels = layer(20)
    single = channel_profile(h, NOISES, labels)
    for noise, point in zip(NOISES, single, strict=True):
        exact = channel_mi(h, noise, labels)
        assert exact.mi_ty is not None
        assert point.mi_ty is not None
        # where channel_mi takes another precision its noise is another one
        assert point.mi_xt.mi == pytest.approx(exact.mi_xt.mi, abs=1e-4 + 5 * exact.mi_xt.stderr)
        assert point.mi_ty.mi == pytest.approx(exact.mi_ty.mi, abs=1e-4 + 5 * exact.mi_ty.stderr)


def test_without_labels_there_is_no_label_information() -> None:
    h, _ = layer(2)
    (point,) = channel_profile(h, [0.5], seed=1)
    assert point.mi_ty is None
    assert point.mi_xt.mi == pytest.approx(channel_mi(h, 0.5, seed=1).mi_xt.mi, abs=1e-5)


def test_noise_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="noise_std=0"):
        channel_profile(torch.randn(10, 2), [0.5, 0.0])
