"""What several runs differ in, and how well each of them did."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any

from scipy import stats

from ibtrain.config import METHODS, Method, RunConfig
from ibtrain.runs.cells import failure
from ibtrain.runs.folder import RunFolder

__all__ = ["Interval", "RunSummary", "paired_difference", "summarise", "varied_settings"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class RunSummary:
    """Settings and accuracies of a run.

    Args:
        name: Name of its folder.
        settings: Its settings by dotted name.
        accuracies: Share of correct predictions by method, split and seed; empty before the run is finished.
        failure: Why it failed; an empty string if it did not.
    """

    name: str
    settings: Mapping[str, Any]
    accuracies: Mapping[Method, Mapping[str, Mapping[int, float]]] = field(default_factory=dict)
    failure: str = ""

    @property
    def difference(self) -> "Interval | None":
        """Test accuracy of layer-wise training less that of end-to-end training, over common seeds."""
        first, second = (self.accuracies.get(method, {}).get("test", {}) for method in METHODS)
        return paired_difference(first, second)


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % confidence interval.

    Args:
        mean: The mean.
        low: Lower end.
        high: Upper end.
        count: Number of values.
    """

    mean: float
    low: float
    high: float
    count: int


def paired_difference(first: Mapping[int, float], second: Mapping[int, float]) -> Interval | None:
    r"""Mean of the differences over the seeds that both have, with its 95 % confidence interval.

    .. math:: \bar d \pm t_{n-1,\,0.975} \, s_d / \sqrt n

    The differences are taken as normally distributed. Both trainings of a seed start from the same weights and see the
    data in the same order, so that their difference varies less than either of them.

    Args:
        first: Values by seed.
        second: Values by seed, which are subtracted.

    Returns:
        The mean and the interval, which is unbounded for a single seed; None without a common seed.

    References:
        Student (Biometrika 6, 1908).

    Example:
        >>> paired_difference({0: 0.9, 1: 0.8}, {0: 0.8, 1: 0.7}).count
        2
    """
    differences = [value - second[seed] for seed, value in first.items() if seed in second]
    count = len(differences)
    if not count:
        return None
    if count == 1:
        return Interval(differences[0], -math.inf, math.inf, 1)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * stdev(differences) / math.sqrt(count)
    centre = mean(differences)
    return Interval(centre, centre - float(half), centre + float(half), count)


def summarise(folder: RunFolder, config: RunConfig | None = None) -> RunSummary:
    """Reads a run's settings and results.

    Args:
        folder: The run's folder.
        config: The settings, where the folder may not have them because the run failed before; None reads them.

    Raises:
        RunFolderError: If its files are missing or broken.
    """
    settings = _flat((config or folder.config()).to_dict())
    if not folder.is_finished:
        return RunSummary(folder.path.name, settings, failure=failure(folder.path))
    results = folder.results()
    accuracies = {
        method: {
            split: {entry["seed"]: entry[f"{split}_accuracy"] for entry in results[method]}
            for split in ("test", "train", "validation")
            if f"{split}_accuracy" in results[method][0]
        }
        for method in METHODS
        if results.get(method)
    }
    return RunSummary(folder.path.name, settings, accuracies)


def varied_settings(runs: Sequence[RunSummary]) -> list[str]:
    """Names of the settings in which runs differ.

    Args:
        runs: The runs.
    """
    names = dict.fromkeys(name for run in runs for name in run.settings)
    return [
        name
        for name in names
        if any(run.settings.get(name) != runs[0].settings.get(name) for run in runs)
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat
