"""The results of a search: its budget, its trials, and the best settings of each method."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import stdev
from typing import Any

from ibtrain.config import Method, RunConfig
from ibtrain.config.recipes import with_recipes
from ibtrain.config.run import assign
from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.io.files import write_atomically, write_json
from ibtrain.runs.cells import failure
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.search import DOCUMENT, Search, trial_value
from ibtrain.runs.summary import summarise

__all__ = ["best_path", "check_final_seeds", "final_configs", "search_document"]


def best_path(search: Search, method: Method) -> Path:
    """Folder of a method's best trial; the first of several.

    Raises:
        RunFolderError: If all have failed.
    """
    paths = [path for path in search.paths(method) if not failure(path)]
    if not paths:
        raise RunFolderError("only failed trials", "at least one", f"{search.root}: {method}")
    return max(paths, key=lambda path: trial_value(path, method) or 0.0)


def check_final_seeds(config: RunConfig, seeds: tuple[int, ...]) -> None:
    """Checks the seeds with which the best settings are trained, before the search.

    Args:
        config: The settings that all trials share.
        seeds: The seeds.

    Raises:
        ConfigError: If trials have one of them.
    """
    known = sorted({*seeds} & {*config.seeds})
    if known:
        expected = f"seeds that no trial has: other than {', '.join(map(str, config.seeds))}"
        raise ConfigError(f"seed {known[0]}", expected, "final seeds")


def final_configs(search: Search, seeds: tuple[int, ...] = ()) -> dict[str, RunConfig]:
    """The best settings of each method, for a training on all training samples that is evaluated on the test split.

    They are written to ``best-METHOD.toml``. A run that stops early keeps its validation split.

    Args:
        search: The search, whose trials are over.
        seeds: Seeds that no trial had; none keeps those of the trials.

    Returns:
        The settings, by the name of the folder of a final run.

    Raises:
        ConfigError: If trials had one of the seeds.
    """
    check_final_seeds(search.config, seeds)
    configs = {}
    for method in search.config.methods:
        path = best_path(search, method)
        values = replace(search.config, methods=(method,), seeds=seeds or search.config.seeds)
        table = values.to_dict()
        assign(table, search.settings(path), "search")
        config = with_recipes(RunConfig.from_dict(table, "search"))
        optim = config.layerwise if method == "layerwise" else config.end_to_end
        if optim is None or not optim.patience:
            config = replace(config, validation=0.0)
        name = method.replace("_", "-")
        write_atomically(search.root / f"best-{name}.toml", config.to_toml())
        configs[f"final-{name}"] = config
    return configs


def search_document(search: Search) -> dict[str, Any]:
    """The budget and the trials of each method, the best first; it is written to ``search.json`` too.

    Args:
        search: The search, whose trials are over.
    """
    methods = {
        method: {
            "trials": len(search.paths(method)),
            "failed": sum(bool(failure(path)) for path in search.paths(method)),
            "epochs": sum(_epochs(path) for path in search.paths(method)),
            "seconds": sum(_seconds(path, method) for path in search.paths(method)),
            "best": best_path(search, method).name,
            "tried": sorted(
                (_trial(search, path, method) for path in search.paths(method)),
                key=lambda trial: -trial["validation_accuracy"],
            ),
        }
        for method in search.config.methods
    }
    document = {"schema": 1, **search.to_dict(), "methods": methods}
    write_json(search.root / DOCUMENT, document, indent=2)
    return document


def _trial(search: Search, path: Path, method: Method) -> dict[str, Any]:
    seeds: Mapping[int, float] = {}
    if not failure(path):
        seeds = summarise(RunFolder(path)).accuracies[method]["validation"]
    return {
        "name": path.name,
        "settings": search.settings(path),
        "validation_accuracy": trial_value(path, method) or 0.0,
        "spread": stdev(seeds.values()) if len(seeds) > 1 else None,
        "seeds": dict(seeds),
        "failure": failure(path) or None,
    }


def _epochs(path: Path) -> int:
    """Number of epochs of all networks of a trial."""
    folder = RunFolder(path)
    return sum(1 for _ in folder.recorded("epoch")) if (path / "metrics.jsonl").exists() else 0


def _seconds(path: Path, method: Method) -> float:
    folder = RunFolder(path)
    if not folder.is_finished:
        return 0.0
    return float(sum(entry["seconds"] for entry in folder.results()[method]))
