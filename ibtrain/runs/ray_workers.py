"""Further processes of a sweep on a Ray cluster, which may have several machines."""

import logging
import math
import os
import platform
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ibtrain.errors import ConfigError, RunFolderError, warn
from ibtrain.io.files import write_error

__all__ = ["ray_helpers"]

RETRIES = 3
"""Number of times that Ray starts a lost process again."""
PATIENCE = 60
"""Seconds in which tasks have to end once there is no work left, or after an error."""


@contextmanager
def ray_helpers(
    folder: Path, work: Callable[..., None], arguments: tuple[Any, ...], count: int
) -> Iterator[None]:
    """Runs a function in tasks of a Ray cluster while the block is executed, which does the same work.

    The cluster is that of ``RAY_ADDRESS``, or one that runs on this machine, or a new one of ``count`` processes. Each task has one
    CPU and, if the cluster has GPUs, a share of one, and this process's working directory. The block does what a lost task leaves. After an error in the block the tasks
    end as after Ctrl-C. A task on a machine that does not share the folder does nothing, and says so.

    Args:
        folder: What the function works in.
        work: A function of a module, which all machines have.
        arguments: Its arguments.
        count: Number of tasks.

    Raises:
        ConfigError: If Ray is not installed, or can't be reached.
        RunFolderError: If no file can be written to the folder.
    """
    if not count:
        yield
        return
    ray = _ray()
    with _marker(folder) as marker, _tasks(ray, marker, work, arguments, count):
        yield


@contextmanager
def _marker(folder: Path) -> Iterator[Path]:
    """A file within the block by which tasks recognise the folder."""
    path = folder.absolute() / f".ray-{secrets.token_hex(8)}"
    try:
        path.touch()
    except OSError as error:
        raise write_error("a file", error, path) from error
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _tasks(
    ray: Any, marker: Path, work: Callable[..., None], arguments: tuple[Any, ...], count: int
) -> Iterator[None]:
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(ray, count)
    gpus = _share(ray.cluster_resources().get("GPU", 0), count)
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_work)
    tasks = [task.remote(marker, str(Path.cwd()), work, arguments) for _ in range(count)]
    try:
        yield
    except BaseException:
        for each in _unfinished(ray, tasks, 0):
            ray.cancel(each)
        for each in _unfinished(ray, tasks, PATIENCE):
            ray.cancel(each, force=True)
        raise
    else:
        # there is no work left
        late = _unfinished(ray, tasks, PATIENCE)
        for each in tasks:
            _end(ray, each, is_late=each in late)
    finally:
        if is_ours:
            ray.shutdown()


def _share(gpus: float, count: int) -> float:
    """The share of a GPU of each task, so that all tasks run at once on whole GPUs."""
    return min(1.0, 1 / math.ceil(count / gpus)) if gpus else 0.0


def _unfinished(ray: Any, tasks: list[Any], seconds: float) -> list[Any]:
    """The tasks that have not ended after so many seconds."""
    late: list[Any] = ray.wait(tasks, num_returns=len(tasks), timeout=seconds)[1]
    return late


def _end(ray: Any, task: Any, *, is_late: bool) -> None:
    """Tells why a task did not do its part, if it did not; one that is late has not begun, or hangs."""
    if is_late:
        ray.cancel(task, force=True)
        reason = f"no CPU was free, or it did not end within {PATIENCE} s"
    else:
        try:
            ray.get(task)
        except ray.exceptions.RayError as error:
            reason = str(error).strip().rpartition("\n")[2]
        else:
            return
    warn(f"a task of Ray failed: {reason}")


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        expected = "Ray to be installed (pip install 'ibtrain[ray]'), or --engine local"
        raise ConfigError("no Ray", expected, "engine") from error
    return ray


def _connect(ray: Any, count: int) -> None:
    """Connects to the cluster that runs, or starts one on this machine."""
    options = {"logging_level": logging.ERROR}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init("auto", **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address := os.environ.get("RAY_ADDRESS"):
            raise ConfigError(address, "the address of a Ray cluster", "RAY_ADDRESS") from error
        ray.init("local", num_cpus=count, include_dashboard=False, **options)
    # Ray has a handler of its own, which ends the process at once
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _work(marker: Path, cwd: str, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    if not marker.exists():
        # another folder of the same name would take results that nobody finds
        expected = "the sweep's folder, on a file system of all machines"
        where = f"{marker.parent} on {platform.node()}"
        raise RunFolderError("no folder, or another one", expected, where)
    os.chdir(cwd)
    torch.set_num_threads(1)
    work(*arguments)
