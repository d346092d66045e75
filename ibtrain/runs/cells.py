"""Runs that several processes share: each process claims one run after another."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ibtrain.config import RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import IBTrainError, InterruptedRunError, InvalidInputError, LockedError
from ibtrain.io.lock import folder_lock
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.opened import OpenRun, open_run
from ibtrain.train.callbacks import Callback

__all__ = ["Session", "silent", "train_all"]

Session = Callable[[OpenRun], AbstractContextManager[Sequence[Callback]]]
"""Surrounds the training of a run, and returns callbacks; a function or an object that can be pickled."""
WAIT = 0.2
"""Seconds between two looks at what other processes have finished."""


@contextmanager
def silent(opened: OpenRun) -> Iterator[Sequence[Callback]]:
    """The session without callbacks."""
    del opened
    yield []


def train_all(
    configs: Mapping[Path, RunConfig], interval: CheckpointInterval, session: Session = silent
) -> None:
    """Trains every run that is not finished and that no other process is training, until all are finished.

    Several processes may do this at the same time. Each claims one run after another by a lock, which the operating
    system releases if the process dies; another process then continues that run from its last checkpoint. If the folder
    that holds the runs has been deleted, nothing is left to do.

    Args:
        configs: Settings of each run, by its folder; all of these are in one folder, which exists.
        interval: Time or epochs between two checkpoints.
        session: Surrounds the training of each run.

    Raises:
        InvalidInputError: If the settings, the data or a folder can't be used.
        IBTrainError: If a run failed; the others are finished before.
    """
    failed: dict[Path, IBTrainError] = {}
    while True:
        waiting = [path for path in configs if not (path in failed or RunFolder(path).is_finished)]
        if not waiting:
            break
        for path in waiting:
            try:
                if _train(path, configs[path], interval, session):
                    break
            except InvalidInputError:
                if path.parent.exists():
                    raise
                return
            except InterruptedRunError:
                raise
            except IBTrainError as error:
                failed[path] = error
                break
        else:
            time.sleep(WAIT)
    if failed:
        raise next(iter(failed.values()))


def _train(path: Path, config: RunConfig, interval: CheckpointInterval, session: Session) -> bool:
    """Trains a run, unless another process does; returns whether this one did."""
    try:
        # not the lock in the run's folder, which is taken only once the data are loaded
        with folder_lock(path.with_name(f"{path.name}.lock")):
            if RunFolder(path).is_finished:
                return False
            with open_run(config, path, interval) as opened:
                with session(opened) as callbacks:
                    opened.train(opened.load(), callbacks)
                opened.checkpoints.clear()
            return True
    except LockedError:
        return False
