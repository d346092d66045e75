"""Bounds on a noisy layer, compared with loops, closed forms and each other."""

import math

import numpy as np
import pytest
import torch

from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.channel.bounds import channel_bounds, leave_one_out, log_det
from ibtrain.mi.channel.pairwise import pairwise_bounds


def layer(count: int, dim: int = 4, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(count, dim, generator=torch.Generator().manual_seed(0))


def test_pairwise_bounds_agree_with_themselves_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    h, labels = layer(101), torch.arange(101) % 4
    whole = pairwise_bounds(h, 0.5, labels)
    monkeypatch.setattr("ibtrain.mi.channel.pairwise.BLOCK_ENTRIES", 101 * 7)
    for values, expected in zip(pairwise_bounds(h, 0.5, labels), whole, strict=True):
        assert values.mi_xt.mi == pytest.approx(expected.mi_xt.mi, abs=1e-6)
        assert values.mi_ty is not None
        assert expected.mi_ty is not None
        assert values.mi_ty.mi == pytest.approx(expected.mi_ty.mi, abs=1e-6)


def test_leaving_one_out_agrees_with_a_loop() -> None:
    h = layer(80).double()
    generator = torch.Generator().manual_seed(5)
    terms = []
    for i, centre in enumerate(h):
        t = centre + 0.8 * torch.randn(400, 4, generator=generator, dtype=torch.float64)
        log_p = -((t[:, None] - h) ** 2).sum(2) / (2 * 0.8**2)
        others = log_p[:, torch.arange(80) != i].logsumexp(1) - math.log(79)
        terms.append((log_p[:, i] - others).mean().item())
    result = leave_one_out(h, 0.8, draws=400)
    assert result.mi == pytest.approx(np.mean(terms), abs=0.02)


def test_the_log_determinant_of_independent_units_is_a_sum() -> None:
    h = layer(20_000, dim=3) * torch.tensor([0.5, 1.0, 2.0])
    truth = 0.5 * sum(math.log1p(scale**2 / 0.25) for scale in (0.5, 1.0, 2.0))
    result = log_det(h, 0.5)
    assert abs(result.mi - truth) <= 3 * result.stderr
    assert result.stderr < 0.02


def test_the_log_determinants_error_is_its_spread() -> None:
    results = [
        log_det(torch.randn(300, 3, generator=torch.Generator().manual_seed(s)), 0.5)
        for s in range(60)
    ]
    spread = np.std([estimate.mi for estimate in results])
    assert np.mean([estimate.stderr for estimate in results]) == pytest.approx(spread, rel=0.3)


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_the_bracket_is_in_order(scale: float) -> None:
    bounds = channel_bounds(layer(400, scale=scale), 0.5)
    kl = bounds.others["pairwise-kl"]
    assert bounds.lower.mi <= bounds.value.mi + 3 * bounds.value.stderr
    assert bounds.value.mi <= kl.mi + 3 * bounds.value.stderr
    assert bounds.value.mi <= bounds.upper.mi + 3 * (bounds.value.stderr + bounds.upper.stderr)


@pytest.mark.parametrize("name", [n for n, problem in PROBLEMS.items() if problem.layer])
@pytest.mark.parametrize("seed", range(3))
def test_the_bracket_holds_the_truth(name: str, seed: int) -> None:
    problem = PROBLEMS[name]
    assert problem.layer is not None
    x, _ = problem.sample(2000, np.random.default_rng(seed))
    bounds = channel_bounds(
        torch.from_numpy(problem.layer.output(x)).float(), problem.layer.noise_std
    )
    assert bounds.lower.mi - 3 * bounds.lower.stderr <= problem.mi
    assert bounds.upper.mi + 3 * bounds.upper.stderr >= problem.mi
    assert bounds.limited == ()


def test_what_sits_at_ln_n_is_named() -> None:
    bounds = channel_bounds(layer(100, dim=50, scale=5.0), 0.1)
    assert bounds.limited == ("lower", "value")
    assert bounds.upper.mi > 2 * math.log(100)
    assert "above_ceiling" not in bounds.upper.flags
