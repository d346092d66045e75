"""What surrounds a training in one of several processes: a line for each stage, and a graceful end by signals."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ibtrain.cli.interrupts import graceful
from ibtrain.cli.progress import say_stage

if TYPE_CHECKING:
    from ibtrain.runs.opened import OpenRun
    from ibtrain.train.callbacks import Callback

__all__ = ["helper_session", "main_session"]


@contextmanager
def main_session(opened: "OpenRun") -> Iterator[Sequence["Callback"]]:
    """The session of the process that the user started."""
    with graceful(opened.checkpoints.stop):
        yield [say_stage]


@contextmanager
def helper_session(opened: "OpenRun") -> Iterator[Sequence["Callback"]]:
    """The session of a process that helps: it leaves messages about signals to the other one."""
    with graceful(opened.checkpoints.stop, is_quiet=True):
        yield [say_stage]
