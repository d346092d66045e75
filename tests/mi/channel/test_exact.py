"""The exact values for known noise, compared with a float64 loop and closed forms."""

import math

import pytest
import torch

from ibtrain.mi.channel.exact import channel_mi


def slow_reference(
    h: torch.Tensor, noise_std: float, labels: torch.Tensor, draws: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Computes I(x;t) and I(t;y), each with its standard error, one sample at a time in float64."""
    generator = torch.Generator().manual_seed(99)
    h = h.double()
    terms: list[list[float]] = [[], []]
    for n, centre in enumerate(h):
        for _ in range(draws):
            noise = torch.randn(len(centre), generator=generator, dtype=torch.float64)
            log_p = -((centre + noise_std * noise - h) ** 2).sum(1) / (2 * noise_std**2)
            log_all = log_p.logsumexp(0) - math.log(len(h))
            own_class = log_p[labels == labels[n]]
            log_class = own_class.logsumexp(0) - math.log(len(own_class))
            terms[0].append((log_p[n] - log_all).item())
            terms[1].append((log_class - log_all).item())
    by_sample = [torch.tensor(t, dtype=torch.float64).view(len(h), draws) for t in terms]
    first, second = (
        (t.mean().item(), (t.var(dim=1).sum() / draws).sqrt().item() / len(h)) for t in by_sample
    )
    return first, second


@pytest.mark.parametrize(("scale", "offset"), [(0.5, 0.0), (2.0, 0.0), (0.7, 300.0)])
def test_it_agrees_with_a_float64_loop(scale: float, offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    h = offset + scale * torch.randn(250, 5, generator=generator)
    labels = torch.randint(3, (250,), generator=generator)
    (mi_xt, error_xt), (mi_ty, error_ty) = slow_reference(h, 0.8, labels, draws=8)
    result = channel_mi(h, 0.8, labels, draws=8)
    assert result.mi_ty is not None
    assert abs(result.mi_xt.mi - mi_xt) <= 3 * math.hypot(error_xt, result.mi_xt.stderr)
    assert abs(result.mi_ty.mi - mi_ty) <= 3 * math.hypot(error_ty, result.mi_ty.stderr)
    assert result.mi_xt.stderr == pytest.approx(error_xt, rel=0.25)


def test_it_agrees_with_itself_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    h = torch.randn(101, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(101) % 4
    whole = channel_mi(h, 0.5, labels, draws=40)
    monkeypatch.setattr("ibtrain.mi.channel.exact.BLOCK_ENTRIES", 40 * 101 * 7)
    parts = channel_mi(h, 0.5, labels, draws=40)
    assert whole.mi_ty is not None
    assert parts.mi_ty is not None
    # blocks draw their noise in another order, so that they agree to their standard errors
    assert abs(whole.mi_xt.mi - parts.mi_xt.mi) <= 4 * whole.mi_xt.stderr
    assert abs(whole.mi_ty.mi - parts.mi_ty.mi) <= 4 * whole.mi_ty.stderr


@pytest.mark.parametrize("noise_std", [1e-3, 0.1, 0.5])
def test_it_never_passes_ln_n(noise_std: float) -> None:
    h = 10 * torch.randn(400, 200, generator=torch.Generator().manual_seed(0)).relu()
    result = channel_mi(h, noise_std, torch.arange(400) % 10)
    assert result.mi_xt.mi <= math.log(400) + result.mi_xt.stderr + 1e-5
    assert result.mi_xt.mi == pytest.approx(math.log(400), abs=1e-3)
    assert "above_ceiling" in result.mi_xt.flags


def test_a_large_sample_of_a_gaussian_approaches_the_closed_form() -> None:
    h = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0))
    exact = 0.5 * math.log(1 + 1 / 0.6**2)
    # the sample variance of 4,000 samples, and with it the value, is off by about 1 %
    assert channel_mi(h, 0.6, draws=4).mi_xt.mi == pytest.approx(exact, abs=0.03)


def test_equal_outputs_carry_nothing() -> None:
    result = channel_mi(torch.ones(50, 3), 0.5, torch.arange(50) % 2)
    assert result.mi_ty is not None
    assert abs(result.mi_xt.mi) < 1e-5
    assert abs(result.mi_ty.mi) < 1e-5


def test_more_noise_leaves_less() -> None:
    h = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    values = [channel_mi(h, noise_std).mi_xt.mi for noise_std in (0.2, 0.5, 1.0, 3.0)]
    assert values == sorted(values, reverse=True)


def test_no_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="noise_std=0"):
        channel_mi(torch.randn(10, 2), 0.0)


@pytest.mark.parametrize("scale", [1.0, 100.0, 1000.0])
def test_equal_samples_far_from_the_origin_count_as_one(scale: float) -> None:
    h = scale * torch.randn(200, 50, generator=torch.Generator().manual_seed(0))
    result = channel_mi(torch.cat([h, h]), 0.1)
    assert result.mi_xt.mi == pytest.approx(math.log(200), abs=1e-3)


@pytest.mark.parametrize(("scale", "offset"), [(3e3, 0.0), (1.0, 3e4)])
def test_float32_alone_keeps_own_centres_and_offsets_exact(
    monkeypatch: pytest.MonkeyPatch, scale: float, offset: float
) -> None:
    monkeypatch.setattr("ibtrain.mi.channel.exact.MAX_ROUNDING_ERROR", math.inf)
    centres = torch.randn(300, 20, generator=torch.Generator().manual_seed(0))
    moved = channel_mi(scale * centres + offset, 0.5).mi_xt
    # each draw identifies distant samples: ln N, up to the rounding of float32
    assert moved.mi == pytest.approx(math.log(300), abs=0.05)


def test_the_error_of_a_single_draw_is_an_upper_limit() -> None:
    h, labels = torch.randn(60, 3, generator=torch.Generator().manual_seed(1)), torch.arange(60) % 3
    expected = channel_mi(h, 0.6, labels, draws=400)
    for name in ("mi_xt", "mi_ty"):
        results = [getattr(channel_mi(h, 0.6, labels, draws=1, seed=s), name) for s in range(200)]
        values = torch.tensor([result.mi for result in results])
        stderr = torch.tensor([result.stderr for result in results]).mean()
        # 0.97 and 0.61 of the reported errors: the rest is the spread of the samples
        assert 0.5 * stderr < values.std() < 1.1 * stderr
        assert values.mean() == pytest.approx(getattr(expected, name).mi, abs=0.25 * float(stderr))


@pytest.mark.parametrize(("noise_std", "draws"), [(0.0, 2), (-1.0, 2), (1.0, 0)])
def test_no_noise_and_no_draw_are_refused(noise_std: float, draws: int) -> None:
    with pytest.raises(ValueError, match="expected above 0, and 1 or more"):
        channel_mi(torch.zeros(4, 1), noise_std, draws=draws)
