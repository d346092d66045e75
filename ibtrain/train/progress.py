"""Live progress of a training: block, epoch, bounds, accuracy, time left."""

import sys

from ibtrain.io.progress import ShowsBar, progress_bar
from ibtrain.text import printable
from ibtrain.train.callbacks import Event

__all__ = ["METRIC_LABELS", "TrainingProgress", "describe"]

METRIC_LABELS = {
    "mi_hy": "I(h;y)",
    "mi_ty": "I(t;y)",
    "mi_xt": "I(x;t)",
    "mi_hh": "I(h;h')",
    "cross_entropy": "loss",
    "train_accuracy": "training accuracy",
    "validation_accuracy": "validation",
}
"""What metrics are called where there is little room."""


class TrainingProgress(ShowsBar):
    """A trainer's callback that shows one progress bar over all epochs of all trainings.

    Args:
        total: Number of epochs of all trainings.
        done: Number of epochs that earlier processes have finished.
        show: Whether the bar is shown, if there is a terminal or a notebook.
        has_lines: Whether a line is written to standard error at the end of each stage, also in a pipe.
    """

    def __init__(
        self, total: int, done: int = 0, *, show: bool = True, has_lines: bool = False
    ) -> None:
        super().__init__(progress_bar(total, "epochs", done=done, show=show))
        self.has_lines = has_lines

    def __call__(self, event: Event) -> None:
        """Updates the bar."""
        text = printable(describe(event))
        # the next update shows it, at most ten times a second
        self.bar.set_description_str(text, refresh=False)
        if event.kind == "epoch":
            self.bar.update()
        if event.kind == "end":
            self.bar.update(event.epochs - event.epoch)
            if self.has_lines:
                self.bar.write(text, file=sys.stderr)
            self.bar.refresh()


def describe(event: Event) -> str:
    """Seed, method, block, epoch and metrics in a line.

    Args:
        event: What a trainer has just done.
    """
    stage = (
        event.stage if event.stages == 1 else f"{event.stage} ({event.index + 1}/{event.stages})"
    )
    labels = METRIC_LABELS
    if event.method == "layerwise":
        # the network's is measured at the end
        labels = {**METRIC_LABELS, "train_accuracy": "training accuracy of its critic"}
    # if blocks train simultaneously, only the metrics of the last one have no prefix and are shown
    unlabelled = {
        name: name for name in event.metrics if name not in METRIC_LABELS and "." not in name
    }
    metrics = "  ".join(
        f"{label} {event.metrics[name]:.3f}"
        for name, label in {**labels, **unlabelled}.items()
        if name in event.metrics
    )
    method = event.method.replace("_", "-")
    values = "  ".join([metrics, *event.flags])
    return f"seed {event.seed}  {method}  {stage}  epoch {event.epoch}/{event.epochs}  {values}"
