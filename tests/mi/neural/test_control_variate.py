"""Tests of the closed form as a control variate."""

import math

import pytest
import torch
from pools import ScorePool, pair_pool

from ibtrain.mi.bounds.pooled import BoundValue
from ibtrain.mi.bounds.registry import dv
from ibtrain.mi.neural.control_variate import control_variate

RHO = 0.8
FOLDS = 4


def draw(count: int, generator: torch.Generator) -> torch.Tensor:
    """The exact log-ratio of all pairs of correlated Gaussian samples."""
    x, noise = torch.randn(2, count, generator=generator, dtype=torch.float64)
    y = RHO * x + math.sqrt(1 - RHO**2) * noise
    squares = x[:, None].square() + y.square()
    exponent = (squares - 2 * RHO * x[:, None] * y) / (1 - RHO**2) - squares
    return -0.5 * math.log(1 - RHO**2) - 0.5 * exponent


def read(pool: ScorePool) -> BoundValue:
    return pool.value_and_influence(dv)


def draw_folds(seed: int, count: int = 60) -> list[ScorePool]:
    generator = torch.Generator().manual_seed(seed)
    return [pair_pool(draw(count, generator)) for _ in range(FOLDS)]


def test_a_critic_that_adds_nothing_is_the_closed_form_on_all_parts() -> None:
    pools = draw_folds(0)
    values, errors = zip(*(pool.value_and_stderr(dv) for pool in pools), strict=True)
    # with equal errors of all folds
    value, stderr = control_variate(
        read(pools[0]), read(pools[0]), [(v, errors[0]) for v in values[1:]]
    )
    assert value == pytest.approx(sum(values) / FOLDS)
    assert stderr == pytest.approx(errors[0] / math.sqrt(FOLDS))


def test_a_part_with_an_outlier_harms_nothing() -> None:
    pool, second, *_ = draw_folds(0)
    plain, plain_stderr = pool.value_and_stderr(dv)
    outliers = [(-1000.0, 1200.0), *[second.value_and_stderr(dv)] * 2]
    value, stderr = control_variate(read(pool), read(pool), outliers)
    assert stderr <= plain_stderr
    assert abs(value - plain) < 0.1 * plain_stderr


@pytest.mark.parametrize("scale", [-1.0, 0.01])
def test_a_slope_stays_between_nothing_and_all(scale: float) -> None:
    pool, *remaining = draw_folds(0)
    other_folds = [(0.0, abs(scale) * error) for _, error in map(dv_and_stderr, remaining)]
    closed = pool.scaled(scale)
    value, stderr = control_variate(read(pool), read(closed), other_folds)
    plain, plain_stderr = pool.value_and_stderr(dv)
    slope = (plain - value) / (closed.value(dv) * (1 - 1 / FOLDS))
    assert -1e-9 <= slope <= 1 + 1e-9
    assert stderr <= plain_stderr + 1e-12


def dv_and_stderr(pool: ScorePool) -> tuple[float, float]:
    return pool.value_and_stderr(dv)


def test_a_closed_form_that_says_nothing_changes_nothing() -> None:
    pool, *_ = draw_folds(0)
    silent = pool.scaled(0.0)
    expected = pytest.approx(pool.value_and_stderr(dv))
    assert control_variate(read(pool), read(silent), [(0.0, 0.0)] * 3) == expected


def test_a_closed_form_on_another_scale_steadies_all_the_same() -> None:
    """The slope compensates for the scale if the influences are proportional."""
    pool = draw_folds(1)[0]
    joint = 4 * pool.joint
    # scores that do not depend on y: the mean of the marginal cancels, the influence of the joint scores is scaled
    closed = ScorePool(joint, torch.zeros_like(pool.marginal), pool.partners)
    doubled_closed = ScorePool(2 * joint, closed.marginal, pool.partners)
    other_folds = [(0.1, 0.05), (-0.2, 0.05)]
    doubled = [(2 * value, 2 * error) for value, error in other_folds]
    expected = pytest.approx(control_variate(read(pool), read(closed), other_folds))
    assert control_variate(read(pool), read(doubled_closed), doubled) == expected


def test_the_error_is_the_spread_and_the_mean_stays() -> None:
    plain, reduced, errors = [], [], []
    for seed in range(300):
        pools = draw_folds(seed)
        generator = torch.Generator().manual_seed(1000 + seed)
        noise = 0.3 * torch.randn(60, generator=generator, dtype=torch.float64)
        # a critic that differs from the closed form by noise that depends on the sample
        critic = ScorePool(pools[0].joint + noise, pools[0].marginal, pools[0].partners)
        other_folds = [pool.value_and_stderr(dv) for pool in pools[1:]]
        value, error = control_variate(read(critic), read(pools[0]), other_folds)
        plain.append(critic.value(dv))
        reduced.append(value)
        errors.append(error)
    spread = torch.tensor(reduced).std().item()
    # 300 values give a spread to 4 %; measured: errors 0.066, spread 0.065, without 0.110; means 0.512 and 0.513
    assert sum(errors) / 300 == pytest.approx(spread, rel=0.15)
    assert spread < 0.65 * torch.tensor(plain).std().item()
    assert sum(reduced) / 300 == pytest.approx(sum(plain) / 300, abs=0.02)
