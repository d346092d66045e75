"""Conditional mutual information, compared with closed forms, loops over all samples and tables of counts."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma
from scipy.stats import entropy

from ibtrain.errors import ConfigError, DataError
from ibtrain.mi import conditional_mi, estimate
from ibtrain.mi.benchmark.conditional import CONDITIONAL_PROBLEMS
from ibtrain.mi.classical.gaussian import conditional_gaussian, gaussian
from ibtrain.mi.classical.plug_in import plug_in, shuffle_within
from ibtrain.mi.classical.subsamples import sampling_error_and_rise
from ibtrain.mi.conditional.classes import mean_of_classes
from ibtrain.mi.result import Estimate
from ibtrain.mi.samples import Samples

QUICK: dict[str, Any] = {"steps": 100, "batch_size": 64, "hidden": (32, 32)}


def draw(name: str, count: int = 1000, seed: int = 0) -> tuple[np.ndarray, ...]:
    return CONDITIONAL_PROBLEMS[name].sample(count, np.random.default_rng(seed))


def distances(values: np.ndarray) -> np.ndarray:
    values = values.reshape(len(values), -1)
    scores = stats.norm.ppf((stats.rankdata(values, axis=0) - 0.5) / len(values))
    return np.abs(scores[:, None] - scores[None]).max(axis=2)


def slow_frenzel_pompe(in_x: np.ndarray, in_y: np.ndarray, in_z: np.ndarray, k: int) -> float:
    joint, terms = np.maximum(np.maximum(in_x, in_y), in_z), []
    for i in range(len(joint)):
        others = np.delete(np.arange(len(joint)), i)
        # scores of different coordinates have equal distances, but for rounding
        radius = np.sort(joint[i, others])[k - 1] - 1e-13
        in_xz, in_yz = (np.maximum(side, in_z)[i, others] < radius for side in (in_x, in_y))
        counts = [within.sum() + 1 for within in (in_xz, in_yz, in_z[i, others] < radius)]
        terms.append(digamma(k) - digamma(counts[0]) - digamma(counts[1]) + digamma(counts[2]))
    return float(np.mean(terms))


def test_neighbours_agree_with_a_loop() -> None:
    x, y, z = draw("given-gaussian-2", 200)
    expected = slow_frenzel_pompe(*map(distances, (x, y, z)), 4)
    assert conditional_mi(x, y, z, "ksg", k=4).mi == pytest.approx(expected, abs=1e-9)


def between_classes(labels: np.ndarray) -> np.ndarray:
    return np.where(labels[:, None] == labels, 0.0, np.inf)


def test_neighbours_of_a_label_have_the_same_class() -> None:
    x, y, z = draw("given-shift-classes-2", 200)
    expected = slow_frenzel_pompe(distances(x), between_classes(y), distances(z), 3)
    result = conditional_mi(x, y, z, "ksg", k=3)
    assert result.mi == pytest.approx(expected, abs=1e-9)
    assert result.ceiling == pytest.approx(entropy(np.bincount(y)), abs=1e-9)


def test_neighbours_of_two_labels_are_counted_up_to_the_last() -> None:
    """Mesner and Shalizi's estimate: all samples at most as far away as the k-th neighbour."""
    x, y, z = draw("common-cause-labels", 200)
    in_x, in_y, in_z = between_classes(x), between_classes(y), distances(z)
    terms = []
    for i in range(200):
        others = np.delete(np.arange(200), i)
        radius = np.sort(np.maximum(np.maximum(in_x, in_y), in_z)[i, others])[2]
        spaces = np.maximum(in_x, in_z), np.maximum(in_y, in_z), in_z
        in_xz, in_yz, all_z = (digamma((space[i, others] <= radius).sum()) for space in spaces)
        terms.append(digamma(3) - in_xz - in_yz + all_z)
    result = conditional_mi(x, y, z, "ksg", k=3)
    assert result.mi == pytest.approx(np.mean(terms), abs=1e-9)


def test_a_rare_class_has_fewer_neighbours() -> None:
    """A class of 4 samples has 3 neighbours of its own; none of another class is taken instead."""
    rng = np.random.default_rng(0)
    z, x = rng.standard_normal((2, 150))
    y = (np.arange(150) < 4).astype(int)
    in_x, in_y, in_z = distances(x), between_classes(y), distances(z)
    joint, terms = np.maximum(np.maximum(in_x, in_y), in_z), []
    for i in range(150):
        others = np.delete(np.arange(150), i)
        k = 3 if y[i] else 5
        radius = np.sort(joint[i, others])[k - 1] - 1e-13
        spaces = np.maximum(in_x, in_z), np.maximum(in_y, in_z), in_z
        in_xz, in_yz, all_z = (digamma((of[i, others] < radius).sum() + 1) for of in spaces)
        terms.append(digamma(k) - in_xz - in_yz + all_z)
    assert conditional_mi(x, y, z, "ksg").mi == pytest.approx(np.mean(terms), abs=1e-9)


def test_far_neighbours_are_flagged() -> None:
    result = conditional_mi(*draw("given-gaussian-5", 500), "ksg")
    assert result.mi < 0.1
    assert "undersampled" in result.flags
    assert conditional_mi(*draw("common-cause-1", 500), "ksg").flags == ()


def test_rows_of_a_block_are_not_neighbours() -> None:
    sides = [distances(side) for side in draw("collider-1", 150)]
    rows = np.arange(150)
    for side in sides:
        side[np.abs(rows[:, None] - rows) < 3] = np.inf
    expected = slow_frenzel_pompe(sides[0], sides[1], sides[2], 5)
    result = conditional_mi(*draw("collider-1", 150), "ksg", blocks=3)
    assert result.mi == pytest.approx(expected, abs=1e-9)


def test_partial_correlations_agree_with_determinants() -> None:
    x, y, z = draw("given-gaussian-2", 300)
    scores = [stats.norm.ppf((stats.rankdata(side, axis=0) - 0.5) / 300) for side in (x, y, z)]

    def log_det(*sides: np.ndarray) -> float:
        return float(np.linalg.slogdet(np.cov(np.hstack(sides).T))[1])

    naive = 0.5 * (log_det(scores[0], scores[2]) + log_det(scores[1], scores[2]))
    naive -= 0.5 * (log_det(scores[2]) + log_det(*scores))
    # the jackknife with 50 parts corrects a bias of about (dim_x dim_y) / 2n
    value = conditional_gaussian(x, y, z)
    assert value.mi == pytest.approx(naive, abs=0.03)
    assert value.mi == pytest.approx(0.655, abs=3 * value.stderr)


def test_the_gaussian_without_a_condition_is_that_of_pairs() -> None:
    x, y, _ = draw("given-gaussian-2", 300)
    alone, given = gaussian(Samples(x, y)), conditional_gaussian(x, y, np.empty((300, 0)))
    assert (given.mi, given.stderr, given.flags) == (alone.mi, alone.stderr, alone.flags)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["common-cause-1", "given-gaussian-1", "collider-1"])
def test_gaussian_intervals_cover(name: str) -> None:
    problem = CONDITIONAL_PROBLEMS[name]
    covered = 0
    for seed in range(40):
        value = conditional_gaussian(*draw(name, 300, seed))
        covered += abs(value.mi - problem.mi) <= 1.645 * value.stderr
    # 36 expected; 30 or fewer of 40 have a probability of 0.5 %
    assert covered > 30


def test_a_function_of_z_has_no_information_left() -> None:
    _, y, z = draw("given-gaussian-2", 300)
    result = conditional_mi(np.exp(z[:, :1]), y, z, "gaussian")
    assert result.flags == ("constant",)
    assert result.mi == 0


def test_a_dependence_on_z_that_is_not_linear_is_flagged() -> None:
    result = conditional_mi(*draw("common-cause-squared", 500), "gaussian")
    assert result.mi > 0.1
    assert "nonlinear" in result.flags
    flagged = [
        "nonlinear" in conditional_gaussian(*draw("common-cause-1", 500, s)).flags for s in range(5)
    ]
    assert not any(flagged)


def entropy_of(*columns: np.ndarray) -> float:
    return float(entropy(np.unique(np.column_stack(columns), axis=0, return_counts=True)[1]))


def test_counts_agree_with_entropies_and_the_jackknife() -> None:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 3, 60)
    x, y = (rng.integers(0, 2 + z), rng.integers(0, 2 + z))

    def naive(rows: np.ndarray) -> float:
        of = x[rows], y[rows], z[rows]
        return (
            entropy_of(of[0], of[2])
            + entropy_of(of[1], of[2])
            - entropy_of(*of)
            - entropy_of(of[2])
        )

    rows = np.arange(60)
    left_out = np.mean([naive(np.delete(rows, row)) for row in rows])
    result = plug_in(x, y, z)
    assert result.mi == pytest.approx(60 * naive(rows) - 59 * left_out, abs=1e-9)
    ceiling = min(entropy_of(x, z), entropy_of(y, z)) - entropy_of(z)
    assert result.ceiling == pytest.approx(ceiling, abs=1e-12)


def test_shuffling_stays_within_the_classes() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.integers(0, 3, 200), np.arange(200)
    shuffled = shuffle_within(y, z, rng)
    assert sorted(shuffled) == list(range(200))
    np.testing.assert_array_equal(z[shuffled], z)
    assert (shuffled != y).mean() > 0.9


@pytest.mark.parametrize("name", ["exclusive-or", "exclusive-or-noisy"])
def test_an_exclusive_or_is_found_given_its_result(name: str) -> None:
    problem = CONDITIONAL_PROBLEMS[name]
    x, y, z = draw(name, 2000)
    result = conditional_mi(x, y, z)
    assert abs(result.mi - problem.mi) <= 3 * result.stderr
    assert result.method == "plug-in"
    assert abs(estimate(x, y).mi) < 0.01


@pytest.mark.slow
def test_intervals_of_counts_cover() -> None:
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        z = rng.integers(0, 4, 400)
        x, y = (rng.random((2, 400)) < 0.2 + 0.2 * z).astype(int)
        result = plug_in(x, y, z, seed=seed)
        covered += abs(result.mi) <= 1.645 * result.stderr
    # 90 expected; fewer than 82 have a probability of 0.5 %
    assert covered >= 82


def test_classes_are_weighted_by_their_shares() -> None:
    estimates = [
        Estimate(1.0, 0.5, "ksg", 2.0, ("copies",), n_test=30, entropy=0.6, systematic=0.3),
        Estimate(0.2, 0.1, "ksg", 3.0, ("serial",), n_test=70, entropy=0.7, systematic=0.1),
    ]
    result = mean_of_classes(estimates, [30, 70])
    assert result.mi == pytest.approx(0.3 * 1.0 + 0.7 * 0.2)
    between = (0.3 * 1.0**2 + 0.7 * 0.2**2 - 0.44**2) / 100
    sampling = 0.3**2 * (0.5**2 - 0.3**2) + 0.7**2 * (0.1**2 - 0.1**2)
    bias = 0.3 * 0.3 + 0.7 * 0.1
    assert result.stderr == pytest.approx(math.sqrt(sampling + between + bias**2))
    assert result.ceiling == pytest.approx(0.3 * 2 + 0.7 * 3)
    assert result.entropy == pytest.approx(0.3 * 0.6 + 0.7 * 0.7)
    assert {"copies", "serial"} <= set(result.flags)
    assert result.n_test == 100


@pytest.mark.slow
def test_the_standard_error_includes_the_shares_of_the_classes() -> None:
    """Classes with 0 and with 1.15 nats: most of the spread is due to how many samples are in which."""
    values, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        z = rng.integers(0, 2, 300)
        x, noise = rng.standard_normal((2, 300))
        y = np.where(z, 0.95 * x + math.sqrt(1 - 0.95**2) * noise, noise)
        result = conditional_mi(x, y, z, "gaussian")
        values.append(result.mi)
        errors.append(result.stderr)
    # the spread of 60 values is accurate to 9 %
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.27)


@pytest.mark.parametrize("method", ["ksg", "gaussian", "mine"])
def test_a_class_that_changes_the_correlation_is_found(method: str) -> None:
    problem = CONDITIONAL_PROBLEMS["correlation-by-class"]
    x, y, z = draw(problem.name, 1800)
    options = QUICK if method == "mine" else {}
    result = conditional_mi(x, y, z, method, **options)
    assert abs(result.mi - problem.mi) <= 3 * result.stderr
    assert result.method == method
    assert result.stderr < 0.1


@pytest.mark.parametrize("name", ["common-cause-1", "collider-1"])
@pytest.mark.parametrize("method", ["ksg", "mine"])
def test_methods_find_the_answer_given_numbers(name: str, method: str) -> None:
    problem = CONDITIONAL_PROBLEMS[name]
    options = QUICK if method == "mine" else {}
    result = conditional_mi(*draw(name, 1000), method, **options)
    assert abs(result.mi - problem.mi) <= 3 * result.stderr
    assert not {"negative", "overfit", "above_ceiling"} & set(result.flags)


@pytest.mark.slow
def test_critics_of_labels_find_the_answer() -> None:
    problem = CONDITIONAL_PROBLEMS["given-shift-classes-2"]
    result = conditional_mi(*draw(problem.name, 1500), **QUICK | {"steps": 200})
    assert abs(result.mi - problem.mi) <= 3 * result.stderr + 0.02
    assert result.entropy == pytest.approx(math.log(2), abs=0.01)


def test_errors_of_both_terms_are_subtracted_sample_by_sample() -> None:
    """Both terms share the noise of x and z: each has an error of 0.03 nats, and their difference one of 0.01."""
    x, y, z = draw("common-cause-1", 1000)
    settings = QUICK | {"base": "gaussian", "steps": 1}
    difference = conditional_mi(x, y, z, **settings)
    first = estimate(x, np.hstack([y, z]), **settings)
    second = estimate(x, z, **settings)
    assert difference.mi == pytest.approx(first.mi - second.mi, abs=0.02)
    assert difference.stderr < 0.5 * math.hypot(first.stderr, second.stderr)


def test_the_rise_of_subsamples_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).standard_normal(4000)
    mean = float(values.mean())
    error, rise = sampling_error_and_rise(
        lambda rows: float(values[rows].mean()), mean, 4000, 1, np.random.default_rng(1)
    )
    assert error == pytest.approx(1 / math.sqrt(4000), rel=0.4)
    assert abs(rise) < error


def test_units_and_reading_are_reported() -> None:
    x, y, z = draw("correlation-by-class", 600)
    nats, bits = (conditional_mi(x, y, z, "gaussian", unit=unit) for unit in ("nats", "bits"))
    assert bits.mi == pytest.approx(nats.mi / math.log(2))
    biased = Estimate(1.0, 0.5, "ksg", 2.0, systematic=0.3).to_unit("bits")
    assert biased.systematic == pytest.approx(0.3 / math.log(2))
    assert nats.is_conditional
    assert nats.read_as is not None
    assert list(nats.read_as) == ["x", "y", "z"]
    assert nats.read_as["z"].endswith("3 classes, an estimate for each")
    assert not estimate(x, y, "gaussian").is_conditional
    assert Estimate.from_dict(nats.to_dict()) == nats


def test_special_conditions() -> None:
    x, y, z = draw("given-gaussian-1", 200)
    constant = conditional_mi(x, y, np.ones(200), "gaussian")
    assert constant.mi == estimate(x, y, "gaussian").mi
    assert conditional_mi(np.ones(200), y, z, "ksg").flags == ("constant",)
    labels = np.arange(200) % 4
    assert conditional_mi(labels % 2, labels, labels).flags == ("constant",)
    assert "deterministic" in conditional_mi(x, x + z, z, "ksg").flags
    assert "deterministic" not in conditional_mi(x, 2 * z + 1, z, "ksg").flags
    copies = [np.concatenate([side, side[:100]]) for side in (x, y, z)]
    result = conditional_mi(*copies, "gaussian")
    assert "copies" in result.flags
    assert result.mi == pytest.approx(conditional_mi(x, y, z, "gaussian").mi)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"z": np.arange(200) < 12, "method": "ksg"},
            "class True of z: ksg with k=5: got 12 samples, expected at least 70",
        ),
        (
            {"method": "binning"},
            "method: got binning with a continuous z, expected a discrete z, or one of ksg",
        ),
        ({"method": "magic"}, "method: got 'magic'"),
        ({"z": np.zeros(3)}, "x, y and z: got 200 and 3 samples"),
        ({"y": np.zeros(3)}, "x and y: got 200 and 3 samples"),
        ({"z": np.arange(200) % 2, "blocks": 5}, "blocks: got 5, expected 1"),
        ({"method": "ksg", "variant": 2}, "got 'variant', expected one of k"),
        ({"method": "ksg", "steps": 2}, "options of ksg: got 'steps'"),
        (
            {"y": np.arange(200) % 2, "method": "gaussian"},
            "got a discrete side, expected continuous x and y",
        ),
        ({"z": np.full(200, np.nan)}, "z: got nan in row 0"),
    ],
)
def test_mistakes_are_answered(changes: dict[str, Any], message: str) -> None:
    x, y, z = draw("given-gaussian-1", 200)
    with pytest.raises((ConfigError, DataError)) as raised:
        conditional_mi(**{"x": x, "y": y, "z": z, **changes})
    assert message in str(raised.value)
