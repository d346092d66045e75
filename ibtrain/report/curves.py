"""Picture of the training curves: accuracies and bounds by epoch."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ibtrain.config import Method
from ibtrain.report.history import (
    Series,
    Stages,
    is_accuracy,
    is_bound,
    is_loss,
    metric_of,
    metric_series,
    stage_offsets,
)
from ibtrain.report.legend import add_legend
from ibtrain.report.limits import draw_limit
from ibtrain.report.mpl import Figure, MaxNLocator
from ibtrain.report.paths import layer_style, shade
from ibtrain.report.stages import mark_stages
from ibtrain.report.style import COLOURS, LINES, method_title, new_figure, styled
from ibtrain.text import printable

__all__ = ["curves_figure"]

BOUND_STYLES: dict[str, tuple[str, dict[str, Any]]] = {
    "mi_hy": ("I(H; Y), batch bound", {"color": "#009E73", "ls": "-"}),
    "mi_ty": ("I(T; Y), batch bound", {"color": "#CC79A7", "ls": "--"}),
    "mi_xt": ("I(X; T), batch bound", {"color": "#000000", "ls": "-."}),
    "mi_hh": ("I(H; H') within classes, batch bound", {"color": "#56B4E9", "ls": ":"}),
}
ACCURACIES = {"test_accuracy": ("test", 1.5, 1.0), "train_accuracy": ("training", 1.0, 0.4)}
"""Words, width of the line, and share of its colour."""


@styled
def curves_figure(
    events: Iterable[dict[str, Any]], objective: str = "ib", label_entropy: float | None = None
) -> Figure:
    """Draws the accuracies and the losses of both methods, and the bounds of each block, by epoch.

    Layer-wise training has a stage for each block, and the epochs are numbered across its stages;
    end-to-end training has one stage. Lines are means over seeds, bands one standard deviation.
    A panel that would be empty is left out.

    Args:
        events: The ``epoch`` events of ``metrics.jsonl``.
        objective: Name of the objective of layer-wise training.
        label_entropy: H(Y) in nats, which limits the information about the label; None is not drawn.
    """
    series = metric_series(events)
    stages = stage_offsets(series)
    kinds = [
        (draw, title)
        for draw, title, is_kind in (
            (_draw_accuracies, "Accuracy", is_accuracy),
            (_draw_bounds, "Layer-wise training's bounds", is_bound),
            (_draw_losses, "Training loss", is_loss),
        )
        if any(is_kind(name) for _, _, name in series)
    ]
    figure, axes = new_figure(1, len(kinds), 3.3)
    handles: dict[str, Any] = {}
    for axis, (draw, title) in zip(axes[0], kinds, strict=True):
        draw(axis, series, stages, objective)
        if draw is _draw_bounds and label_entropy is not None:
            # its name needs room below those of the blocks
            axis.set_ylim(top=max(axis.get_ylim()[1], 1.12 * label_entropy))
            draw_limit(axis, "y", "H(Y)", label_entropy)
        has_blocks = len(stages.get("layerwise", {})) > 1 and draw is not _draw_losses
        axis.set_xlabel("epoch (through the blocks)" if has_blocks else "epoch")
        whose = ""
        if has_blocks and draw is _draw_accuracies:
            whose = "of a block's critic"
            whose = f" (layer-wise: {whose})" if "end_to_end" in stages else f", {whose}"
        axis.set_title(title + whose)
        low, high = axis.get_xlim()
        axis.set_xlim(min(low, 0.5), max(high, 1.5))
        axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        if has_blocks:
            mark_stages(axis, stages["layerwise"], _epochs(series, "layerwise"), len(kinds))
        named, labels = axis.get_legend_handles_labels()
        handles |= dict(zip(labels, named, strict=True))
    add_legend(figure, list(handles.values()))
    return figure


def _draw_accuracies(axis: Any, series: Series, stages: Stages, objective: str) -> None:
    for kind, (words, width, share) in ACCURACIES.items():
        for (method, stage, name), values in series.items():
            if name == kind:
                colour = shade(COLOURS.get(method, "0.3"), share)
                style = {"color": colour, "ls": LINES.get(method, "-"), "lw": width}
                label = f"{method_title(method, objective)}, {words}"
                _band(axis, stages[method][stage], 100 * values, label=label, **style)
    axis.set_ylabel("accuracy  [%]")


def _draw_bounds(axis: Any, series: Series, stages: Stages, objective: str) -> None:
    del objective
    bounds = {
        key: values for key, values in series.items() if key[0] == "layerwise" and is_bound(key[2])
    }
    blocks = list(dict.fromkeys(name.rpartition(".")[0] for _, _, name in bounds))
    for (_, stage, name), values in bounds.items():
        words, style = BOUND_STYLES[metric_of(name)]
        label = f"{words} (biased up)"
        if len(blocks) > 1:
            # the blocks train at once: the colour tells the block, and the line the bound
            block = name.rpartition(".")[0]
            colour = layer_style(blocks.index(block), len(blocks))[0]
            axis.plot([], [], lw=1.4, label=label, **{**style, "color": "0.3"})
            axis.plot([], [], lw=4, color=colour, label=block or "last block")
            style, label = {**style, "color": colour}, ""
        _band(axis, stages["layerwise"][stage], values, label=label, lw=1.4, **style)
    axis.set_ylabel("bound  [nats]")


def _draw_losses(axis: Any, series: Series, stages: Stages, objective: str) -> None:
    for (method, stage, name), values in series.items():
        if is_loss(name):
            words = metric_of(name).replace("_", " ")
            label = f"{method_title(method, objective)}, {printable(words)}"
            style = {"color": COLOURS.get(method, "0.3"), "ls": LINES.get(method, "-"), "lw": 1.4}
            _band(axis, stages[method][stage], values, label=label, **style)
    axis.set_ylabel("loss")


def _epochs(series: Series, method: Method) -> int:
    """Number of epochs of all stages of a method."""
    return sum(
        values.shape[1]
        for (other, _, name), values in series.items()
        if (other, name) == (method, "test_accuracy")
    )


def _band(axis: Any, offset: int, values: np.ndarray[Any, Any], **style: Any) -> None:
    epochs = offset + 1 + np.arange(values.shape[1])
    mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    # a single epoch is no line
    axis.plot(epochs, mean, ms=3, marker="." if len(epochs) == 1 else "", **style)
    axis.fill_between(epochs, mean - std, mean + std, color=style["color"], alpha=0.2, lw=0)
