"""Searches the best settings of each method on a validation split, with the same number of trials."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from ibtrain.checks import check_integer
from ibtrain.config import METHODS, Method, RunConfig, difference
from ibtrain.config.interval import CheckpointInterval
from ibtrain.config.recipes import VALIDATION_SHARE, with_recipes
from ibtrain.config.run import assign
from ibtrain.config.space import Range
from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.io.files import write_json
from ibtrain.io.lock import folder_lock
from ibtrain.io.untrusted import untrusted
from ibtrain.runs.cells import Session, failure, silent, train_together
from ibtrain.runs.documents import read_document
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.places import make_folder
from ibtrain.runs.sampling import (
    Space,
    check_sampler,
    grid,
    grid_size,
    propose,
    random_settings,
)
from ibtrain.runs.summary import summarise
from ibtrain.runs.sweep import MAX_CELLS
from ibtrain.train.layerwise import check_label_smoothing

__all__ = ["DOCUMENT", "Search", "search_trials", "trial_value"]

DRAWS = 100
"""Number of random trials in which a value has to be possible once."""
LOCK = "search.lock"
"""Name of the lock file of the process that proposes settings."""
DOCUMENT = "search.json"
"""Name of the file that holds the plan of a search, and at the end its results."""


@dataclass(frozen=True, eq=False)
class Search(Mapping[Path, RunConfig]):
    """The trials of a search: the settings of each by its folder, which are chosen when they are first asked for.

    They are written beside the folder, so that an interrupted trial continues with the same settings. A trial sees the values of
    those that are finished by then.

    Args:
        config: The settings that all trials share; they are evaluated on the validation split, without a plane.
        space: Values or ranges of the settings that are searched.
        trials: Number of trials of each method.
        root: Folder of the search.
        sampler: One of ``tpe``, ``random`` and ``grid``.
        seed: Seed of the sampler.
    """

    config: RunConfig
    space: Space
    trials: int
    root: Path
    sampler: str = "tpe"
    seed: int = 0
    counts: dict[Method, int] = field(init=False, default_factory=dict)
    """Number of trials of each method: no more than there are combinations of values that go together."""

    def __post_init__(self) -> None:
        check_integer("search", self.trials, 1, MAX_CELLS)
        check_integer("search seed", self.seed, 0)
        if not self.space:
            raise ConfigError("no setting", "at least one setting that varies", "search")
        check_sampler(self.sampler, self.space)
        for method in self.config.methods:
            if not self.space_of(method):
                raise ConfigError(
                    ", ".join(self.space), f"a setting that {method} depends on", "search"
                )
            self._check_values(method)
            self.counts[method] = self._count(method)

    def space_of(self, method: Method) -> Space:
        """The settings on which a method depends."""
        others = [f"{other}." for other in METHODS if other != method]
        others += ["objective."] * (method == "end_to_end")
        return {
            name: values
            for name, values in self.space.items()
            if not name.startswith(tuple(others))
        }

    def paths(self, method: Method) -> list[Path]:
        """Folders of a method's trials."""
        return [self.root / f"{method}-{number:04}" for number in range(self.counts[method])]

    def __len__(self) -> int:
        return sum(self.counts.values())

    def __iter__(self) -> Iterator[Path]:
        # both methods come equally far, if the search is ended early
        paths = [self.paths(method) for method in self.config.methods]
        for number in range(self.trials):
            yield from (group[number] for group in paths if number < len(group))

    def __getitem__(self, path: Path) -> RunConfig:
        return self.config_of(self._method(path), self.settings(path))

    def config_of(self, method: Method, settings: Mapping[str, Any]) -> RunConfig:
        """The settings of a trial's run."""
        values = replace(self.config, methods=(method,)).to_dict()
        assign(values, settings, "search")
        validation = values["validation"] or VALIDATION_SHARE
        plane = {**values["plane"], "points": 0}
        shared = {"evaluate_on": "validation", "validation": validation, "plane": plane, "save": ()}
        # the recipe of layer-wise training depends on the trial's objective
        return with_recipes(RunConfig.from_dict({**values, **shared}, "search"))

    def settings(self, path: Path) -> dict[str, Any]:
        """The settings in which a trial differs from the others; they are proposed and written if they are not there yet."""
        place = _settings_file(path)
        if place.exists():
            with untrusted("a trial", "what a search writes", str(place)):
                return dict(read_document(place)["settings"])
        method = self._method(path)
        number = self.paths(method).index(path)
        # another process must not propose the same before it can see this trial
        with folder_lock(self.root / LOCK):
            settings = propose(
                self.space_of(method), self.sampler, self.seed, number, *self._others(method),
                lambda settings: not self._conflict(method, settings),
            )  # fmt: skip
            record = {"schema": 1, "method": method, "number": number, "settings": settings}
            write_json(place, record)
        return settings

    def _others(
        self, method: Method
    ) -> tuple[list[tuple[dict[str, Any], float]], list[dict[str, Any]]]:
        """Settings and value of a method's finished trials, and settings of those that have begun."""
        tried, begun = [], []
        for path in self.paths(method):
            if _settings_file(path).exists():
                value = trial_value(path, method)
                if value is None:
                    begun.append(self.settings(path))
                else:
                    tried.append((self.settings(path), value))
        return tried, begun

    def _check_values(self, method: Method) -> None:
        """Checks that each value in a list is possible in one of many random trials.

        One that never is would otherwise be left out of every trial without a word.

        Raises:
            ConfigError: If one is not.
        """
        space = self.space_of(method)
        draws = list(islice(random_settings(space, self.seed), DRAWS))
        for name, values in space.items():
            for value in [] if isinstance(values, Range) else values:
                trials = [{**drawn, name: value} for drawn in draws]
                error = self._conflict(method, {name: value}) or self._conflict(method, trials[0])
                if error and all(self._conflict(method, trial) for trial in trials):
                    raise error

    def _count(self, method: Method) -> int:
        """Number of trials of a method; a grid has also combinations that don't go together, which fail."""
        space = self.space_of(method)
        size = grid_size(space)
        if size is None or self.sampler == "grid":
            return min(self.trials, size or self.trials)
        possible = (each for each in grid(space) if not self._conflict(method, each))
        return sum(1 for _ in islice(possible, self.trials))

    def _conflict(self, method: Method, settings: Mapping[str, Any]) -> ConfigError | None:
        """Why a trial's settings don't go together, as far as that doesn't depend on the data."""
        try:
            config = self.config_of(method, settings)
            if config.methods == ("layerwise",):
                check_label_smoothing(config.objective, config.layerwise)
        except ConfigError as error:
            return error
        return None

    def _method(self, path: Path) -> Method:
        return next(m for m in METHODS if path.name.startswith(f"{m}-"))

    def to_dict(self) -> dict[str, Any]:
        """The plan of the search as JSON."""
        space = {
            name: str(values) if isinstance(values, Range) else list(values)
            for name, values in self.space.items()
        }
        return {
            "sampler": self.sampler,
            "seed": self.seed,
            "space": space,
            "config": self.config.to_dict(),
        }


def _settings_file(path: Path) -> Path:
    """Where the settings of a trial are written when it begins."""
    return path.with_name(f"{path.name}.json")


def trial_value(path: Path, method: Method) -> float | None:
    """Mean validation accuracy of a finished trial; 0 if it failed, None if it is not finished."""
    if failure(path):
        return 0.0
    folder = RunFolder(path)
    if not folder.is_finished:
        return None
    return fmean(summarise(folder).accuracies[method]["validation"].values())


def search_trials(
    search: Search,
    interval: CheckpointInterval,
    workers: int = 1,
    session: Session = silent,
    *,
    helper_session: Session = silent,
    engine: str = "local",
) -> dict[str, str]:
    """Trains the trials that are not finished, in one process or in several, and writes each method's best settings.

    With one process, the same search has the same trials. Several processes propose settings while others train, so that which
    trials a proposal sees depends on time.

    Args:
        search: The search.
        interval: Time or epochs between two checkpoints.
        workers: Number of processes.
        session: Surrounds each training of this process.
        helper_session: Surrounds each training of the other processes.
        engine: Where the other processes run: ``local``, on this machine, or ``ray``, on a Ray cluster.

    Returns:
        The message of each trial that failed, by its name.

    Raises:
        RunFolderError: If the folder holds another search.
    """
    make_folder(search.root)
    place = search.root / DOCUMENT
    if place.exists():
        _check_same(search, place)
    else:
        write_json(place, {"schema": 1, **search.to_dict()}, indent=2)
    failed = train_together(
        search, interval, workers, session, helper_session=helper_session, engine=engine
    )
    return {path.name: message for path, message in failed.items()}


def _check_same(search: Search, place: Path) -> None:
    """Checks that a folder holds the same search; it may have had fewer trials."""
    there = read_document(place)
    with untrusted("a search", "what ibtrain writes", str(place)):
        config = RunConfig.from_dict(there["config"], "config").to_dict()
        change = difference(
            RunConfig.from_dict(search.config.to_dict()).to_dict(), config
        ) or difference(_plain(search.to_dict()), _plain(there))
    if change:
        name, requested, existing = change
        expected = f"{existing}, as in the existing search, or a new folder"
        raise RunFolderError(requested, expected, f"{place}: {name}")


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be the same, with texts for values that may be tuples."""
    space = {
        name: repr([list(v) if isinstance(v, tuple) else v for v in values])
        if isinstance(values, list)
        else values
        for name, values in document["space"].items()
    }
    return {"sampler": document["sampler"], "seed": document["seed"], "space": space}
