"""Tests of superiority and equivalence, and Holm's adjustment, against statsmodels, scipy and closed forms."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ibtrain.errors import ConfigError
from ibtrain.report.verdicts import overall_words, p_words, verdict_words
from ibtrain.runs.comparisons import compare_runs, method_verdicts
from ibtrain.runs.differences import Difference, difference
from ibtrain.runs.summary import RunSummary
from ibtrain.runs.verdicts import Verdict, holm, judge, results_verdict


def accuracies(seed: int, shift: float, count: int, spread: float = 0.004) -> list[float]:
    return list(np.random.default_rng(seed).normal(0.9 + shift, spread, count))


def found(first: list[float], second: list[float], start: int = 0) -> Difference:
    result = difference(dict(enumerate(first)), dict(enumerate(second, start)))
    assert result is not None
    return result


@pytest.mark.parametrize("count", [2, 5, 12])
def test_the_p_value_is_that_of_the_paired_t_test(count: int) -> None:
    first, second = accuracies(0, 0.005, count), accuracies(1, 0, count)
    assert found(first, second).p_value == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_the_unpaired_p_value_is_that_of_welchs_test() -> None:
    first, second = accuracies(0, 0.005, 5, 0.01), accuracies(1, 0, 9)
    expected = stats.ttest_ind(first, second, equal_var=False).pvalue
    assert found(first, second, 100).p_value == pytest.approx(expected)


@pytest.mark.parametrize("shift", [-0.002, 0.0, 0.001, 0.01])
@pytest.mark.parametrize("margin", [0.0025, 0.006])
def test_equivalence_is_that_of_statsmodels(shift: float, margin: float) -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    first, second = accuracies(2, shift, 8), accuracies(3, 0, 8)
    expected = weightstats.ttost_paired(np.array(first), np.array(second), -margin, margin)[0]
    assert found(first, second).equivalence_p(margin) == pytest.approx(expected)
    expected = weightstats.ttost_ind(first, second, -margin, margin, usevar="unequal")[0]
    assert found(first, second, 100).equivalence_p(margin) == pytest.approx(expected)


def test_with_two_seeds_the_p_values_have_a_closed_form() -> None:
    # Student's t with one degree of freedom is Cauchy's distribution; the mean is 0.03 and its standard error 0.01
    pair = found([0.94, 0.92], [0.90, 0.90])
    assert pair.p_value == pytest.approx(1 - 2 / math.pi * math.atan(3))
    assert pair.equivalence_p(0.05) == pytest.approx(0.5 - math.atan(2) / math.pi)


def test_equivalence_at_5_percent_is_an_interval_of_90_percent_within_the_margin() -> None:
    pair = found(accuracies(4, 0.001, 10), accuracies(5, 0, 10))
    end = max(map(abs, pair.interval(0.9)))
    assert pair.equivalence_p(end) == pytest.approx(0.05)


def test_holm_is_that_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    generator = np.random.default_rng(0)
    for count in (1, 2, 7, 30):
        p_values = list(generator.uniform(0, 1, count) ** 3)
        expected = multitest.multipletests(p_values, method="holm")[1]
        assert holm(p_values) == pytest.approx(list(expected))
    assert holm([0.5, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_family_is_adjusted_and_what_has_no_interval_is_not_in_it() -> None:
    pairs = [found(accuracies(k, 0.006, 6), accuracies(9, 0, 6)) for k in range(3)]
    single = found([0.9], [0.8])
    verdicts = judge([*pairs, single], [0.0025] * 4)
    raw = [pair.p_value for pair in pairs]
    assert [verdict.p for verdict in verdicts[:3]] == pytest.approx(holm(raw))  # type: ignore[arg-type]
    assert [verdict.family for verdict in verdicts] == [3] * 4
    assert (verdicts[3].p, verdicts[3].outcome) == (None, "undecided")


@pytest.mark.parametrize(
    ("differences", "outcome", "is_equivalent"),
    [
        ([0.010, 0.011, 0.009, 0.012, 0.010], "better", False),
        ([-0.010, -0.011, -0.009, -0.012, -0.010], "worse", False),
        ([0.0010, 0.0011, 0.0009, 0.0012, 0.0010], "better", True),
        ([0.0001, -0.0002, 0.0001, 0.0, -0.0001], "equivalent", True),
        ([0.01, -0.02, 0.03, 0.0, -0.01], "undecided", False),
        ([0.01, 0.01, 0.01], "undecided", False),
        ([0.9 - 0.8, 0.8 - 0.7, 0.5 - 0.4], "undecided", False),
        ([0.0, 0.0, 0.0], "identical", False),
    ],
)
def test_the_four_outcomes(differences: list[float], outcome: str, is_equivalent: bool) -> None:
    verdict = of(differences)
    assert (verdict.outcome, verdict.is_equivalent) == (outcome, is_equivalent)


def of(differences: list[float], margin: float = 0.0025) -> Verdict:
    """The verdict on paired differences."""
    second = [0.9] * len(differences)
    pair = found([0.9 + value for value in differences], second)
    return judge([pair], [margin])[0]


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        (
            [0.010, 0.011, 0.009, 0.012, 0.010],
            "new is better than old by 1.04 points (95 % interval 0.90 to 1.18; p < 0.001)",
        ),
        (
            [-0.010, -0.011, -0.009, -0.012, -0.010],
            "new is worse than old by 1.04 points (95 % interval 0.90 to 1.18; p < 0.001)",
        ),
        (
            [0.0010, 0.0011, 0.0009, 0.0012, 0.0010],
            "new is better than old by 0.10 points (95 % interval 0.09 to 0.12; p < 0.001), but by less than the "
            "margin of 0.25 points",
        ),
        (
            [0.0001, -0.0002, 0.0001, 0.0, -0.0001],
            "new and old are equivalent within 0.25 points (difference +0.00, 90 % interval -0.01 to +0.01; p < 0.001)",
        ),
        (
            [0.003, -0.002, 0.002],
            "undecided: 3 seeds can't tell new from old (difference +0.10, 95 % interval -0.56 to +0.76; p 0.58); about "
            "7 seeds would give an interval of ± 0.25 points",
        ),
        (
            [0.01],
            "undecided: a single seed can't tell new from old (difference +1.00)",
        ),
        (
            [0.01, 0.01],
            "undecided: new and old differ by +1.00 with each of 2 seeds, so that nothing shows the spread",
        ),
        ([0.0, 0.0], "new and old have the same accuracy with each of 2 seeds"),
    ],
)
def test_verdicts_in_words(differences: list[float], words: str) -> None:
    assert verdict_words(of(differences), "new", "old") == words


def test_the_recommended_number_of_seeds_gives_the_interval() -> None:
    pair = found(accuracies(4, 0.001, 10), accuracies(5, 0, 10))
    count = pair.seeds_for(0.0025)
    assert count is not None
    spread = pair.stderr * math.sqrt(10)
    half = [stats.t.ppf(0.975, n - 1) * spread / math.sqrt(n) for n in (count - 1, count)]
    assert half[1] <= 0.0025 < half[0]
    assert pair.seeds_for(1e-6) is None
    assert found([0.9, 0.8], [0.7, 0.75], 100).seeds_for(0.1) is None


def test_p_values_in_words() -> None:
    assert [p_words(p) for p in (None, 0.0002, 0.0123, 0.4)] == ["-", "< 0.001", "0.012", "0.4"]


def summary(name: str, beta: float, noise: float, **methods: list[float]) -> RunSummary:
    settings = {"dataset": "mnist", "objective.beta": beta, "objective.noise_std": noise}
    tables: Any = {method: {"test": dict(enumerate(row))} for method, row in methods.items()}
    return RunSummary(name, settings, tables)


BASE, SHIFTED, LOW = accuracies(0, 0, 5), accuracies(1, 0.01, 5), accuracies(2, -0.01, 5)


def test_runs_are_compared_with_a_baseline_or_the_one_before() -> None:
    runs = [
        summary("backprop", 0, 0, end_to_end=BASE),
        summary("dv", 0, 0, layerwise=SHIFTED),
        summary("ib", 1, 0, layerwise=LOW),
    ]
    pairs = [
        (c.first.run, c.second.run, c.first.method, c.second.method) for c in compare_runs(runs)
    ]
    assert pairs == [
        ("dv", "backprop", "layerwise", "end_to_end"), ("ib", "backprop", "layerwise", "end_to_end"),
    ]  # fmt: skip
    rungs = compare_runs(runs, "previous")
    assert [(c.first.run, c.second.run) for c in rungs] == [("dv", "backprop"), ("ib", "dv")]
    expected = stats.ttest_rel(LOW, SHIFTED)
    assert rungs[1].verdict.difference.value == pytest.approx(np.mean(LOW) - np.mean(SHIFTED))
    assert rungs[1].verdict.difference.p_value == pytest.approx(expected.pvalue)
    assert rungs[0].verdict.margin == pytest.approx(0.001)
    words = overall_words([c.verdict for c in rungs], "each against previous")
    assert words.startswith(
        "each against previous, 2 comparisons at 5 %, Holm-adjusted: better in 1, worse in 1"
    )
    with pytest.raises(ConfigError, match=r"got 'bakprop'.*did you mean 'backprop'"):
        compare_runs(runs, "bakprop")


def test_runs_that_differ_in_one_setting_are_compared() -> None:
    runs = [
        summary(f"beta={beta},noise={noise}", beta, noise, layerwise=BASE, end_to_end=LOW)
        for beta in (0.0, 1.0, 2.0)
        for noise in (0.5, 1.0)
    ]
    pairs = {(c.first.run, c.second.run) for c in compare_runs(runs, keys=["objective.beta"])}
    assert pairs == {
        (f"beta={beta},noise={noise}", f"beta=0.0,noise={noise}")
        for beta in (1.0, 2.0)
        for noise in (0.5, 1.0)
    }
    assert len(compare_runs(runs, keys=["objective.beta"])) == 8
    steps = compare_runs(runs, "previous", keys=["objective.beta"])
    assert ("beta=2.0,noise=0.5", "beta=1.0,noise=0.5") in {
        (c.first.run, c.second.run) for c in steps
    }
    with pytest.raises(
        ConfigError, match=r"which the runs differ: objective\.beta, objective\.noise_std"
    ):
        compare_runs(runs, keys=["model.hidden"])


def test_runs_of_the_same_name_are_kept_apart() -> None:
    runs = [summary("a", 0, 0, layerwise=BASE, end_to_end=LOW), summary("a", 0, 0, layerwise=LOW)]
    first, second = method_verdicts(runs)
    assert first is not None
    assert second is None


def test_results_have_a_verdict_with_the_margin_of_their_data_set() -> None:
    entries = {
        method: [{"seed": seed, "test_accuracy": value} for seed, value in enumerate(values)]
        for method, values in (("layerwise", SHIFTED), ("end_to_end", BASE))
    }
    for dataset, margin in (("mnist", 0.001), ("fashion-mnist", 0.0025)):
        verdict = results_verdict({"dataset": dataset, **entries})
        assert verdict is not None
        assert verdict.margin == pytest.approx(margin)
        assert verdict.p == pytest.approx(stats.ttest_rel(SHIFTED, BASE).pvalue)
    chosen = results_verdict({"dataset": "mnist", "margin": 2.0, **entries})
    assert chosen is not None
    assert chosen.margin == pytest.approx(0.02)
    assert results_verdict({"dataset": "mnist", "layerwise": entries["layerwise"]}) is None


@pytest.mark.slow
def test_verdicts_are_wrong_as_rarely_as_they_say(tmp_path: Path) -> None:
    # families of 6 comparisons of 5 seeds: half without a difference, half with one that equals the margin
    generator = np.random.default_rng(0)
    margin, families = 0.0025, 2000
    wrong_better = wrong_equivalent = 0
    for _ in range(families):
        shifts = np.repeat([0.0, margin], 3)[:, None]
        first, second = generator.normal(0, 0.003, (2, 6, 5))
        first = first + shifts
        pairs = [found(list(a), list(b)) for a, b in zip(first, second, strict=True)]
        verdicts = judge(pairs, [margin] * 6)
        wrong_better += any(verdict.outcome in ("better", "worse") for verdict in verdicts[:3])
        wrong_equivalent += any(verdict.is_equivalent for verdict in verdicts[3:])
    # at most 100 expected of each, standard deviation 10
    assert wrong_better <= 130
    assert wrong_equivalent <= 130
    assert wrong_better > 20
