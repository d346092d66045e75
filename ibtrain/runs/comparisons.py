"""Comparisons of trainings, each a method of a run, and the verdicts on a family of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from ibtrain.config import METHODS, Method
from ibtrain.errors import ConfigError
from ibtrain.runs.differences import Difference, difference
from ibtrain.runs.summary import RunSummary, varied_settings
from ibtrain.runs.verdicts import Verdict, judge
from ibtrain.text import hint

__all__ = [
    "PREVIOUS",
    "Arm",
    "Comparison",
    "compare_runs",
    "method_verdicts",
]

PREVIOUS = "previous"
"""Name of the baseline that is the run before each."""


class Arm(NamedTuple):
    """A method of a run."""

    run: str
    method: Method


@dataclass(frozen=True)
class Comparison:
    """Two arms and the verdict on the difference of their test accuracies: first minus second."""

    first: Arm
    second: Arm
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON."""
        arms = {"first": self.first._asdict(), "second": self.second._asdict()}
        return {**arms, **self.verdict.to_dict()}


def method_verdicts(runs: Sequence[RunSummary]) -> list[Verdict | None]:
    """Compares layer-wise with end-to-end training in each run; these comparisons are one family.

    Args:
        runs: The runs.

    Returns:
        A verdict for each run; None if it does not have both methods.
    """
    differences = [difference(*(run.test(method) for method in METHODS)) for run in runs]
    pairs = [(d, run.margin / 100) for d, run in zip(differences, runs, strict=True) if d]
    verdicts = iter(judge([d for d, _ in pairs], [margin for _, margin in pairs]))
    return [next(verdicts) if found else None for found in differences]


def compare_runs(
    runs: Sequence[RunSummary],
    baseline: str = "",
    keys: Sequence[str] = (),
    within: Sequence[str] = (),
) -> list[Comparison]:
    """Compares runs with each other, method by method; these comparisons are one family.

    Two runs with one method each are compared even if their methods differ.

    Args:
        runs: The runs, in order.
        baseline: Name of the run that all others are compared with; ``previous`` compares each run with the one before it.
            Without a name it is the first run.
        keys: Dotted names of settings: only runs that differ in nothing else are compared. None for all runs.
        within: Dotted names of settings: only runs that agree in these are compared, and the part of a run's name before
            the first comma is enough as the baseline's name.

    Raises:
        ConfigError: If no run has the baseline's name, or the settings do not vary.
    """
    known = [name for run in runs for name in _names(run, within)]
    _check_baseline(known, baseline, keys)
    pairs = []
    for group in _groups(runs, keys, within):
        if baseline == PREVIOUS:
            pairs += [(later, earlier) for earlier, later in pairwise(group)]
            continue
        bases = [run for run in group if not baseline or baseline in _names(run, within)]
        pairs += [(run, base) for base in bases[:1] for run in group if run is not base]
    return _judged(
        [(run, *methods) for run, base in pairs for methods in _common_methods(run, base)]
    )


def _check_baseline(names: Sequence[str], baseline: str, keys: Sequence[str]) -> None:
    if baseline in ("", PREVIOUS):
        return
    if keys:
        raise ConfigError(repr(baseline), f"{PREVIOUS}, or nothing, with a setting", "baseline")
    if baseline not in names:
        expected = f"{PREVIOUS}, or the name of a run, such as {names[0]}{hint(baseline, names)}"
        raise ConfigError(repr(baseline), expected, "baseline")


def _names(run: RunSummary, within: Sequence[str]) -> list[str]:
    """Names by which a run can be the baseline."""
    return [run.name, *([run.name.partition(",")[0]] if within else [])]


def _groups(
    runs: Sequence[RunSummary], keys: Sequence[str], within: Sequence[str]
) -> list[list[RunSummary]]:
    """Runs that are compared with each other, in their order."""
    if not keys:
        return _grouped(runs, within)
    varied = varied_settings(runs)
    if not {*keys} & {*varied}:
        expected = f"a setting in which the runs differ: {', '.join(varied) or 'there is none'}"
        raise ConfigError(repr(keys[0]), expected, "compare by")
    return _grouped(runs, [name for name in varied if name not in keys])


def _grouped(runs: Sequence[RunSummary], names: Sequence[str]) -> list[list[RunSummary]]:
    """Runs that agree in some settings."""
    groups: dict[str, list[RunSummary]] = {}
    for run in runs:
        groups.setdefault(repr([run.settings.get(name) for name in names]), []).append(run)
    return list(groups.values())


def _common_methods(run: RunSummary, base: RunSummary) -> list[tuple[Method, RunSummary, Method]]:
    """Methods to compare: those that both have, or the only method of each."""
    shared = [method for method in METHODS if {method} <= {*run.accuracies} & {*base.accuracies}]
    if shared or not len(run.accuracies) == len(base.accuracies) == 1:
        return [(method, base, method) for method in shared]
    return [(next(iter(run.accuracies)), base, next(iter(base.accuracies)))]


def _judged(pairs: Sequence[tuple[RunSummary, Method, RunSummary, Method]]) -> list[Comparison]:
    """Judges the pairs of which both have results."""
    arms: list[tuple[Arm, Arm]] = []
    differences: list[Difference] = []
    margins: list[float] = []
    for first, first_method, second, second_method in pairs:
        found = difference(first.test(first_method), second.test(second_method))
        if found is not None:
            arms.append((Arm(first.name, first_method), Arm(second.name, second_method)))
            differences.append(found)
            margins.append(first.margin / 100)
    verdicts = judge(differences, margins)
    return [Comparison(*pair, verdict) for pair, verdict in zip(arms, verdicts, strict=True)]
