"""What the pictures of a sweep compare: trainings that differ only in the settings that vary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ibtrain.config import METHODS, Method
from ibtrain.report.style import METHOD_NAMES
from ibtrain.runs.comparisons import Comparison, method_verdicts
from ibtrain.runs.differences import mean_over_seeds
from ibtrain.runs.summary import RunSummary
from ibtrain.runs.verdicts import Verdict

__all__ = [
    "Contrast",
    "Line",
    "accuracy_lines",
    "contrasts",
    "number_of",
    "setting_label",
    "value_of",
]


@dataclass(frozen=True)
class Line:
    """A method of the runs that differ only in the settings that vary."""

    label: str
    method: Method
    runs: Sequence[RunSummary]

    def means(self) -> list[tuple[RunSummary, Any]]:
        """The finished runs with the mean accuracy over seeds of each."""
        pairs = [(run, mean_over_seeds(run.test(self.method))) for run in self.runs]
        return [(run, mean) for run, mean in pairs if mean]


@dataclass(frozen=True)
class Contrast:
    """A difference of two such trainings, by run."""

    label: str
    pairs: Sequence[tuple[RunSummary, Verdict]]


def accuracy_lines(runs: Sequence[RunSummary], has_cells: bool) -> list[Line]:
    """The lines of a picture: a method, or a method of a cell.

    Args:
        runs: The runs.
        has_cells: Whether a run's name begins with that of its cell.
    """
    lines = []
    for cell, group in _by_cell(runs, has_cells).items():
        methods = [method for method in METHODS if any(run.test(method) for run in group)]
        for method in methods:
            name = f"{cell} ({METHOD_NAMES[method]})" if len(methods) > 1 else cell
            lines.append(Line(name if has_cells else METHOD_NAMES[method], method, group))
    return lines


def contrasts(
    runs: Sequence[RunSummary], comparisons: Sequence[Comparison], has_cells: bool
) -> list[Contrast]:
    """The differences of a picture: of both methods, and of cells where these are compared.

    Args:
        runs: The runs.
        comparisons: Comparisons of the runs with each other.
        has_cells: Whether a run's name begins with that of its cell.
    """
    first, second = (METHOD_NAMES[method] for method in METHODS)
    verdicts = dict(zip([run.name for run in runs], method_verdicts(runs), strict=True))
    found: dict[str, list[tuple[RunSummary, Verdict]]] = {}
    for cell, group in _by_cell(runs, has_cells).items():
        prefix = f"{cell}: " if has_cells else ""
        for run in group:
            verdict = verdicts[run.name]
            if verdict:
                found.setdefault(f"{prefix}{first} less {second}", []).append((run, verdict))
    by_name = {run.name: run for run in runs}
    for each in comparisons if has_cells else []:
        names = [_cell(arm.run) for arm in (each.first, each.second)]
        label = f"{names[0]} less {names[1]}"
        if len(by_name[each.first.run].accuracies) > 1:
            label += f" ({METHOD_NAMES[each.first.method]})"
        found.setdefault(label, []).append((by_name[each.first.run], each.verdict))
    return [Contrast(label, pairs) for label, pairs in found.items()]


def value_of(run: RunSummary, keys: Sequence[str]) -> Any:
    """The value of a setting that varies.

    Args:
        run: The run.
        keys: Its dotted name, or those of both methods.
    """
    value = run.settings.get(keys[0])
    return list(value) if isinstance(value, tuple) else value


def setting_label(keys: Sequence[str]) -> str:
    """The name of a setting for an axis: the last part, or the whole where that says too little.

    Args:
        keys: Its dotted name, or those of both methods.
    """
    short = keys[0].rpartition(".")[2]
    return (keys[0] if short in ("name", "kind") else short).replace("_", " ").replace(".", " ")


def number_of(run: RunSummary, keys: Sequence[str]) -> float | None:
    """The value of a setting as a number; None if it is none, or stands for something else.

    Args:
        run: The run.
        keys: Its dotted name, or those of both methods.
    """
    value = value_of(run, keys)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # 0 stands for a batch of all samples
    return None if keys[0].endswith(".batch_size") and value == 0 else float(value)


def _by_cell(runs: Sequence[RunSummary], has_cells: bool) -> Mapping[str, list[RunSummary]]:
    groups: dict[str, list[RunSummary]] = {}
    for run in runs:
        groups.setdefault(_cell(run.name) if has_cells else "", []).append(run)
    return groups


def _cell(name: str) -> str:
    return name.partition(",")[0]
