"""What several runs differ in, and how well each of them did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ibtrain.config import METHODS, Method, RunConfig
from ibtrain.config.recipes import margin_of
from ibtrain.config.settings import flattened
from ibtrain.runs.cells import failure
from ibtrain.runs.folder import RunFolder

__all__ = [
    "SPLITS",
    "RunSummary",
    "last_environment",
    "summarise",
    "unfinished",
    "varied_settings",
]

SPLITS = ("test", "train", "validation")


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

    def test(self, method: Method) -> Mapping[int, float]:
        """Test accuracies of a method by seed; empty if there are none."""
        return self.accuracies.get(method, {}).get("test", {})

    @property
    def margin(self) -> float:
        """Largest difference of accuracies, in percentage points, that makes no difference in practice."""
        return margin_of(self.settings["dataset"], self.settings.get("margin"))


def unfinished(name: str, config: RunConfig, failure: str = "") -> RunSummary:
    """A run without results.

    Args:
        name: Name of its folder.
        config: Its settings.
        failure: Why it failed; an empty string if it did not.
    """
    return RunSummary(name, flattened(config.to_dict()), failure=failure)


def summarise(folder: RunFolder, config: RunConfig | None = None) -> RunSummary:
    """Reads a run's settings and results.

    Args:
        folder: The run's folder.
        config: The settings, where the folder may not have them because the run failed before; None reads them.

    Raises:
        RunFolderError: If its files are missing or broken.
    """
    summary = unfinished(folder.path.name, config or folder.config(), failure(folder.path))
    if not folder.is_finished:
        return summary
    results = folder.results()
    accuracies = {
        method: {
            split: {entry["seed"]: entry[f"{split}_accuracy"] for entry in results[method]}
            for split in SPLITS
            # what takes the place of the test split is not one
            if f"{split}_accuracy" in results[method][0]
            and (split, results.get("evaluate_on")) != ("test", "validation")
        }
        for method in METHODS
        if results.get(method)
    }
    return replace(summary, accuracies=accuracies, failure="")


def last_environment(folders: Iterable[RunFolder]) -> dict[str, Any] | None:
    """Environment of the run that was started last, as several commands may share a folder; None if there are no runs.

    Args:
        folders: The runs.
    """
    environments = [folder.read_json("environment.json") for folder in folders]
    return max(environments, key=lambda found: found["started"], default=None)


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
