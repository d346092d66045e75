"""Further processes of a sweep on a Ray cluster, which may have several machines."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ibtrain.errors import ConfigError, IBTrainError, warn

__all__ = ["ray_helpers"]

RETRIES = 3
"""Number of times that Ray starts a lost process again."""


@contextmanager
def ray_helpers(
    work: Callable[..., None], arguments: tuple[Any, ...], count: int
) -> Iterator[None]:
    """Runs a function in tasks of a Ray cluster while the block is executed, which does the same work.

    The cluster is that of ``RAY_ADDRESS``, or one that runs on this machine, or a new one of ``count`` processes. Each task has one
    CPU and an equal share of the cluster's GPUs, of one at most. A task works in this process's folder, which all machines share.

    Args:
        work: A function of a module, which all machines have.
        arguments: Its arguments.
        count: Number of tasks.

    Raises:
        ConfigError: If Ray is not installed, or can't be reached.
    """
    if not count:
        yield
        return
    ray = _ray()
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(ray, count)
    gpus = min(1.0, ray.cluster_resources().get("GPU", 0) / count)
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_work)
    tasks = [task.remote(str(Path.cwd()), work, arguments) for _ in range(count)]
    try:
        yield
        for each in tasks:
            _wait(ray, each)
    finally:
        # after an error some still run
        for each in tasks:
            ray.cancel(each, force=True)
        if is_ours:
            ray.shutdown()


def _wait(ray: Any, task: Any) -> None:
    """Waits for a task; of one that failed or is lost, the calling process has done the work."""
    try:
        ray.get(task)
    except ray.exceptions.RayError as error:
        # which the calling process meets too
        if not isinstance(getattr(error, "cause", None), IBTrainError):
            reason = str(error).strip().rpartition("\n")[2]
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
    try:
        ray.init("auto", **options)
    except (ConnectionError, RuntimeError) as error:
        if address := os.environ.get("RAY_ADDRESS"):
            raise ConfigError(address, "the address of a Ray cluster", "RAY_ADDRESS") from error
        ray.init("local", num_cpus=count, include_dashboard=False, **options)


def _work(folder: str, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    os.chdir(folder)
    torch.set_num_threads(1)
    work(*arguments)
