"""A run whose networks are trained by several processes: each network in a folder of its own, merged at the end."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ibtrain.config import RunConfig
from ibtrain.errors import IBTrainError
from ibtrain.io.files import write_error
from ibtrain.runs.cells import Session, silent, train_together
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.opened import OpenRun
from ibtrain.runs.places import PARTS_FOLDER
from ibtrain.runs.results import MethodResult, Results
from ibtrain.runs.saved import SAVED_FOLDER

__all__ = ["clear_parts", "is_in_parts", "train_in_parts"]


def is_in_parts(opened: OpenRun, workers: int) -> bool:
    """Whether a run is to be trained by :func:`train_in_parts`: a run continues as it began.

    Args:
        opened: The run, which is not finished.
        workers: Number of processes that the user asks for.
    """
    has_parts = (opened.folder.path / PARTS_FOLDER).is_dir()
    return has_parts or (workers > 1 and opened.checkpoints.is_empty)


def clear_parts(folder: RunFolder) -> None:
    """Deletes the parts of a finished run."""
    shutil.rmtree(folder.path / PARTS_FOLDER, ignore_errors=True)


def train_in_parts(
    opened: OpenRun, workers: int, session: Session = silent, *, helper_session: Session = silent
) -> None:
    """Trains the networks of a run in several processes, of which this is one, and writes the results.

    The files of the run are those of a run in one process with the same number of threads.

    Args:
        opened: The run; this process has locked its folder.
        workers: Number of processes.
        session: Surrounds each training of this process.
        helper_session: Surrounds each training of the other processes.

    Raises:
        IBTrainError: If a training failed; the others are finished before.
    """
    configs = _part_configs(opened)
    opened.folder.subfolder(PARTS_FOLDER)
    interval = opened.checkpoints.interval
    failed = train_together(configs, interval, workers, session, helper_session=helper_session)
    if failed:
        raise IBTrainError("; ".join(f"{path.name}: {text}" for path, text in failed.items()))
    _merge(opened, [RunFolder(path) for path in configs])


def _part_configs(opened: OpenRun) -> Mapping[Path, RunConfig]:
    """Settings of each part, by its folder, in the order of the trainings."""
    config = opened.setup.config
    # one thread each, so that the results do not depend on the number of processes
    threads = config.threads or 1
    return {
        opened.folder.path / PARTS_FOLDER / f"{method}-seed{seed}": replace(
            config, methods=(method,), seeds=(seed,), threads=threads
        )
        for seed in config.seeds
        for method in config.methods
    }


def _merge(opened: OpenRun, parts: list[RunFolder]) -> None:
    """Writes the files of the run from those of its parts; it can be repeated if it was interrupted."""
    folder, config = opened.folder, opened.setup.config
    folder.events.keep(0)
    results = Results(opened.setup.data, config)
    memory = 0.0
    for part in parts:
        for event in part.events.read():
            folder.events.append(event)
        document = part.results()
        memory = max(memory, document["peak_memory_mib"])
        (method,) = part.config().methods
        entries = [MethodResult.from_dict(method, entry) for entry in document[method]]
        results.methods.setdefault(method, []).extend(entries)
        for name, pattern in (("checkpoints", "*.pt"), (SAVED_FOLDER, "*.npz")):
            for path in sorted((part.path / name).glob(pattern)):
                _copy(path, folder.subfolder(name) / path.name)
    folder.write_results({**results.to_dict(), "peak_memory_mib": memory})
    clear_parts(folder)


def _copy(source: Path, target: Path) -> None:
    """Links or copies a file, so that an interrupted merge leaves the part whole."""
    try:
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, target)
    except OSError as error:
        raise write_error("a file", error, target) from error
