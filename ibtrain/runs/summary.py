"""What several runs differ in, and how well each of them did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ibtrain.config import METHODS, Method, RunConfig
from ibtrain.config.settings import flattened
from ibtrain.runs.cells import failure
from ibtrain.runs.differences import Difference, difference
from ibtrain.runs.folder import RunFolder

__all__ = ["SPLITS", "RunSummary", "summarise", "varied_settings"]

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

    @property
    def difference(self) -> Difference | None:
        """Test accuracy of layer-wise training less that of end-to-end training."""
        first, second = (self.accuracies.get(method, {}).get("test", {}) for method in METHODS)
        return difference(first, second)


def summarise(folder: RunFolder, config: RunConfig | None = None) -> RunSummary:
    """Reads a run's settings and results.

    Args:
        folder: The run's folder.
        config: The settings, where the folder may not have them because the run failed before; None reads them.

    Raises:
        RunFolderError: If its files are missing or broken.
    """
    settings = flattened((config or folder.config()).to_dict())
    if not folder.is_finished:
        return RunSummary(folder.path.name, settings, failure=failure(folder.path))
    results = folder.results()
    accuracies = {
        method: {
            split: {entry["seed"]: entry[f"{split}_accuracy"] for entry in results[method]}
            for split in SPLITS
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
