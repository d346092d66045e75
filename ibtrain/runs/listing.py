"""Lists the runs in a folder."""

from datetime import datetime
from pathlib import Path

from ibtrain.errors import RunFolderError, warn
from ibtrain.io.documents import is_regular
from ibtrain.io.files import is_folder, read_error
from ibtrain.runs.folder import RunFolder

__all__ = ["find_runs", "list_runs"]


def list_runs(folder: Path) -> list[RunFolder]:
    """Returns the runs in a folder's subfolders, and in the subfolders of those that are no runs (sweeps), in the order
    in which they were started.

    Warns about each subfolder that can't be read.

    Raises:
        RunFolderError: If the folder does not exist, or can't be read.
    """
    try:
        if not folder.is_dir():
            raise RunFolderError("no such folder", "a folder of runs", str(folder))
        paths = list(folder.iterdir())
    except OSError as error:
        raise read_error(error, folder, "a folder") from error
    times: dict[Path, float] = {}
    for path in paths:
        try:
            if not _add_run(path, times) and path.is_dir():
                for below in path.iterdir():
                    _add_run(below, times)
        except OSError as error:
            reason = str(read_error(error, path, "a folder"))
            warn(reason)
    return [RunFolder(path) for path in sorted(times, key=lambda path: (times[path], path))]


def _add_run(path: Path, times: dict[Path, float]) -> bool:
    """Adds the time at which a run was started, by its folder; returns whether there is a run."""
    try:
        if is_regular(path / "config.json"):
            times[path] = _start_time(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return path in times


def _start_time(path: Path) -> float:
    """When a run was started, in seconds since 1970; as of its settings' file, where the run does not say."""
    try:
        environment = RunFolder(path).read_json("environment.json")
        return datetime.fromisoformat(environment["started"]).timestamp()
    except (RunFolderError, KeyError, TypeError, ValueError, OverflowError):
        return (path / "config.json").stat().st_mtime


def find_runs(path: Path) -> list[RunFolder]:
    """Returns the run in a folder or, if it holds runs itself, those runs, oldest first.

    Raises:
        RunFolderError: If there is no run.
    """
    try:
        return [RunFolder.open(path)]
    except RunFolderError:
        runs = list_runs(path) if is_folder(path) else []
        if not runs:
            raise
        return runs
