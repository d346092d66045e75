"""Runs that several processes share: each process claims one run after another."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ibtrain.config import RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import IBTrainError, InterruptedRunError, LockedError, RunFolderError
from ibtrain.io.files import write_json
from ibtrain.io.lock import folder_lock
from ibtrain.io.untrusted import untrusted
from ibtrain.runs.engines import helpers_of
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.opened import OpenRun, open_run
from ibtrain.runs.places import make_folder
from ibtrain.train.callbacks import CallbackLike

__all__ = ["Session", "failure", "silent", "train_all", "train_together"]

Session = Callable[[OpenRun], AbstractContextManager[Sequence[CallbackLike]]]
"""Surrounds the training of a run, and returns callbacks; a function or an object that can be pickled."""
FAILURE = "failed.json"
"""Name of the file in the folder of a run that failed."""
WAIT = 0.2
"""Seconds between two looks at what other processes have finished."""


@contextmanager
def silent(opened: OpenRun) -> Iterator[Sequence[CallbackLike]]:
    """The session without callbacks."""
    del opened
    yield []


def train_all(
    configs: Mapping[Path, RunConfig], interval: CheckpointInterval, session: Session = silent
) -> None:
    """Trains every run that no other process is training, until all are finished or have failed.

    Several processes may do this at the same time. Each claims one run after another by a lock, which the operating
    system releases if the process dies; another process then continues that run from its last checkpoint. If the folder
    that holds the runs has been deleted, nothing is left to do.

    Args:
        configs: Settings of each run, by its folder; all of these are in one folder, which exists.
        interval: Time or epochs between two checkpoints.
        session: Surrounds the training of each run.

    Raises:
        RunFolderError: If a folder can't be used.
    """
    while waiting := [path for path in configs if not _is_over(path)]:
        try:
            if not any(_train(path, configs, interval, session) for path in waiting):
                time.sleep(WAIT)
        except RunFolderError:
            if waiting[0].parent.exists():
                raise
            return


def train_together(
    configs: Mapping[Path, RunConfig],
    interval: CheckpointInterval,
    workers: int,
    session: Session = silent,
    *,
    helper_session: Session = silent,
    engine: str = "local",
) -> dict[Path, str]:
    """Runs :func:`train_all` in several processes, of which this is one; runs that failed earlier are tried again.

    Args:
        configs: Settings of each run, by its folder.
        interval: Time or epochs between two checkpoints.
        workers: Number of processes.
        session: Surrounds each training of this process.
        helper_session: Surrounds each training of the other processes.
        engine: Where the other processes run, one of :data:`~ibtrain.checks.ENGINES`.

    Returns:
        The message of each run that failed, by its folder.
    """
    for path in configs:
        (path / FAILURE).unlink(missing_ok=True)
    count = min(workers, len(configs)) - 1
    helpers = helpers_of(engine, next(iter(configs)).parent)
    with helpers(train_all, (configs, interval, helper_session), count):
        train_all(configs, interval, session)
    return {path: message for path in configs if (message := failure(path))}


def failure(path: Path) -> str:
    """Why a run failed; an empty string if it did not.

    Raises:
        RunFolderError: If the file that tells is broken.
    """
    if not (path / FAILURE).exists():
        return ""
    with untrusted("a message", "what a failed run writes", str(path / FAILURE)):
        return str(RunFolder(path).read_json(FAILURE)["message"])


def _is_over(path: Path) -> bool:
    """Whether a run is finished, or has failed."""
    return (path / FAILURE).exists() or RunFolder(path).is_finished


def _train(
    path: Path,
    configs: Mapping[Path, RunConfig],
    interval: CheckpointInterval,
    session: Session,
) -> bool:
    """Trains a run, unless another process does; returns whether this one did."""
    try:
        # not the lock in the run's folder, which is taken only once the data are loaded
        with folder_lock(path.with_name(f"{path.name}.lock")):
            if not _is_over(path):
                # a search chooses the settings only now
                _finish(path, configs[path], interval, session)
                return True
    except LockedError:
        pass
    return False


def _finish(path: Path, config: RunConfig, interval: CheckpointInterval, session: Session) -> None:
    """Trains a run to its end, or records its failure, so that no other process tries the same."""
    try:
        with open_run(config, path, interval) as opened:
            with session(opened) as callbacks:
                opened.train(opened.load(), callbacks)
            opened.checkpoints.clear()
    except (InterruptedRunError, RunFolderError):
        raise
    except IBTrainError as error:
        # invalid settings are found before the folder is made
        make_folder(path)
        write_json(path / FAILURE, {"message": str(error)})
