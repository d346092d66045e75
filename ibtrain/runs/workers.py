"""Several processes that do the same work, and share it by claims."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ibtrain.errors import IBTrainError

__all__ = ["helpers"]


@contextmanager
def helpers(work: Callable[..., None], arguments: tuple[Any, ...], count: int) -> Iterator[None]:
    """Runs a function in further processes while the block is executed, which does the same work.

    The processes divide the work among each other, so that the block also does what is left when one of them dies or
    fails, and meets the same error. It waits for them at its end; after an error they get SIGTERM first.

    Args:
        work: A function of a module, so that the processes can import it.
        arguments: Its arguments.
        count: Number of further processes.
    """
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_help, args=(work, arguments), daemon=True) for _ in range(count)
    ]
    for process in processes:
        process.start()
    try:
        yield
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()


def _help(work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    try:
        work(*arguments)
    except IBTrainError as error:
        # the process that started this one meets the same error, and reports it
        raise SystemExit(error.exit_code) from error


def _end_with_parent() -> None:
    """Ends this process as soon as the one that started it has ended, for any reason."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
