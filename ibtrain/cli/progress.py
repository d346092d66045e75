"""Live progress on stderr: block, epoch, bounds, accuracy, time left."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from tqdm import tqdm

from ibtrain.cli.streams import say
from ibtrain.config import RunConfig
from ibtrain.text import printable

if TYPE_CHECKING:
    from ibtrain.train.callbacks import Event

__all__ = ["Progress", "say_stage"]

_METRIC_LABELS = {
    "mi_hy": "I(h;y)",
    "mi_ty": "I(t;y)",
    "mi_xt": "I(x;t)",
    "cross_entropy": "loss",
    "train_accuracy": "accuracy",
    "validation_accuracy": "validation",
}


class Progress:
    """A trainer's callback that shows one progress bar over all epochs of all trainings.

    If stderr is not a terminal, it prints only a line at the end of each stage.

    Args:
        config: Settings of the run, which determine the number of epochs.
        stages: Number of stages of each method.
        done: Number of epochs that earlier processes have finished.
    """

    def __init__(self, config: RunConfig, stages: Mapping[str, int], done: int = 0) -> None:
        total = sum(stages[method] * config.optim(method).epochs for method in config.methods)
        self.live = sys.stderr.isatty()
        self.bar = tqdm(
            total=total * len(config.seeds),
            initial=done,
            disable=not self.live,
            file=sys.stderr,
            # the end of a line that is too long for the terminal is left out
            bar_format="|{bar:10}| {n_fmt}/{total_fmt} epochs, {remaining} left  {desc}",
            dynamic_ncols=True,
            leave=False,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def __call__(self, event: "Event") -> None:
        """Updates the bar."""
        text = printable(_describe(event))
        if event.kind == "epoch":
            self.bar.update()
        if event.kind == "end":
            self.bar.update(event.epochs - event.epoch)
            tqdm.write(text, file=sys.stderr)
        self.bar.set_description_str(text)


def say_stage(event: "Event", name: str = "") -> None:
    """A trainer's callback that prints a line at the end of each stage.

    Args:
        event: What happened.
        name: Beginning of the line.
    """
    if event.kind == "end":
        say(name + _describe(event))


def _describe(event: "Event") -> str:
    stage = (
        event.stage if event.stages == 1 else f"{event.stage} ({event.index + 1}/{event.stages})"
    )
    # if blocks train simultaneously, only the metrics of the last one have no prefix and are shown
    unlabelled = {
        name: name for name in event.metrics if name not in _METRIC_LABELS and "." not in name
    }
    metrics = "  ".join(
        f"{label} {event.metrics[name]:.3f}"
        for name, label in {**_METRIC_LABELS, **unlabelled}.items()
        if name in event.metrics
    )
    method = event.method.replace("_", "-")
    values = "  ".join([metrics, *event.flags])
    return f"seed {event.seed}  {method}  {stage}  epoch {event.epoch}/{event.epochs}  {values}"
