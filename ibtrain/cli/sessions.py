"""What surrounds a training in one of several processes: a line for each stage, and a graceful end by signals."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ibtrain.cli.interrupts import graceful
from ibtrain.cli.streams import say

if TYPE_CHECKING:
    from ibtrain.runs.opened import OpenRun
    from ibtrain.train.callbacks import CallbackLike, Event

__all__ = ["TrainingSession"]


@dataclass(frozen=True)
class TrainingSession:
    """Prints a line for each stage of a training, and ends it after a step when a signal comes.

    Args:
        is_helper: Whether the process helps another one, to which it leaves messages about signals.
        is_named: Whether lines begin with the name of the run's folder.
    """

    is_helper: bool = False
    is_named: bool = False

    @contextmanager
    def __call__(self, opened: "OpenRun") -> Iterator[Sequence["CallbackLike"]]:
        """Surrounds the training of a run."""
        name = f"{opened.folder.path.name}: " if self.is_named else ""
        with graceful(opened.checkpoints.stop, is_quiet=self.is_helper):
            yield [partial(_say_stage, name=name)]


def _say_stage(event: "Event", name: str) -> None:
    """Prints a line at the end of each stage."""
    from ibtrain.train.progress import describe

    if event.kind == "end":
        say(name + describe(event))
