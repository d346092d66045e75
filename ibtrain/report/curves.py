"""Picture of the training curves: accuracies and bounds by epoch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ibtrain.backend.memory import check_memory
from ibtrain.checks import MAX_LAYERS, MAX_NAME
from ibtrain.config import METHODS, Method
from ibtrain.errors import RunFolderError
from ibtrain.report.mpl import Figure
from ibtrain.report.style import COLOURS, LINES, method_title, new_figure, styled
from ibtrain.text import printable

__all__ = ["curves_figure"]

BOUND_LABELS = {
    "mi_hy": ("I(H; Y), batch bound", "-"),
    "mi_ty": ("I(T; Y), batch bound", "-."),
    "mi_xt": ("I(X; T), batch bound", ":"),
}
MAX_CURVES = (len(BOUND_LABELS) + 1) * len(METHODS) * (MAX_LAYERS + 1)


@styled
def curves_figure(events: Iterable[dict[str, Any]], objective: str = "ib") -> Figure:
    """Draws the test accuracy of both methods, and the bounds of each block, by epoch.

    Layer-wise training has a stage for each block, and the epochs are numbered across its stages;
    end-to-end training has one stage. Lines are means over seeds, bands one standard deviation.

    Args:
        events: The ``epoch`` events of ``metrics.jsonl``.
        objective: Name of the objective of layer-wise training.
    """
    series = _series(events)
    stages = _stages(series)
    figure, axes = new_figure(1, 2, 3.1)
    accuracy, bounds = axes[0]
    for method in dict.fromkeys(key[0] for key in series):
        for index, (stage, offset) in enumerate(stages[method].items()):
            label = method_title(method, objective) if index == 0 else None
            values = 100 * series[method, stage, "test_accuracy"]
            _band(accuracy, offset, values, color=COLOURS[method], ls=LINES[method], label=label)
    named: set[str] = set()
    for stage, offset in stages.get("layerwise", {}).items():
        for (method, series_stage, name), values in series.items():
            bound = _bound_of(name)
            if (method, series_stage) == ("layerwise", stage) and bound in BOUND_LABELS:
                label, line = BOUND_LABELS[bound]
                new_label = label if bound not in named else None
                named.add(bound)
                _band(bounds, offset, values, color=COLOURS["layerwise"], ls=line, label=new_label)
    accuracy.set(xlabel="epoch (through the blocks)", ylabel="test accuracy  [%]")
    accuracy.set_title("Accuracy of the network, or of the block's critic")
    bounds.set(xlabel="epoch (through the blocks)", ylabel="bound  [nats]")
    bounds.set_title("Layer-wise training's batch bounds (biased up)")
    if stages.get("layerwise"):
        for axis in (accuracy, bounds):
            _mark_stages(axis, stages["layerwise"])
    # an objective may have no bounds
    bounds.set_visible(bool(named))
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _series(
    events: Iterable[dict[str, Any]],
) -> dict[tuple[Method, str, str], np.ndarray[Any, Any]]:
    """Metrics by method, stage and name, ``(seeds, epochs)``; seeds that stopped early end in NaN."""
    metrics: dict[tuple[Method, str, str], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for event in events:
        for name in event:
            if name == "test_accuracy" or _bound_of(name) in BOUND_LABELS:
                key = event["method"], event["stage"], name
                metrics[key][event["seed"]].append(event[name])
                if len(event["stage"]) > MAX_NAME:
                    given = f"a stage's name of {len(event['stage'])} characters"
                    raise RunFolderError(given, f"at most {MAX_NAME}", "metrics.jsonl")
        if len(metrics) > MAX_CURVES:
            given = f"epochs of more than {MAX_CURVES} stages and bounds"
            raise RunFolderError(given, f"at most {MAX_CURVES}", "metrics.jsonl")
    return {key: _padded(list(by_seed.values())) for key, by_seed in metrics.items()}


def _bound_of(name: str) -> str:
    """Name of a metric's bound, without the prefix ``BLOCK.`` of blocks that train simultaneously."""
    return name.rpartition(".")[2]


def _padded(rows: Sequence[Sequence[float]]) -> np.ndarray[Any, Any]:
    size = 8 * len(rows) * max(map(len, rows))
    check_memory(size, "metrics of every seed and epoch", RunFolderError, "metrics.jsonl")
    values = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, metrics in zip(values, rows, strict=True):
        row[: len(metrics)] = metrics
    return values


def _stages(
    series: dict[tuple[Method, str, str], np.ndarray[Any, Any]],
) -> dict[Method, dict[str, int]]:
    """Number of epochs before each stage, over all stages of its method."""
    offsets: dict[Method, dict[str, int]] = defaultdict(dict)
    totals: dict[Method, int] = defaultdict(int)
    for (method, stage, name), values in series.items():
        if name == "test_accuracy":
            offsets[method][stage] = totals[method]
            totals[method] += values.shape[1]
    return dict(offsets)


def _band(axis: Any, offset: int, values: np.ndarray[Any, Any], **style: Any) -> None:
    epochs = offset + 1 + np.arange(values.shape[1])
    mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    axis.plot(epochs, mean, lw=1.4, marker=".", ms=3, **style)
    axis.fill_between(epochs, mean - std, mean + std, color=style["color"], alpha=0.2, lw=0)


def _mark_stages(axis: Any, stages: dict[str, int]) -> None:
    for stage, offset in stages.items():
        if offset:
            axis.axvline(offset + 0.5, color="0.6", lw=0.8)
        axis.annotate(
            printable(stage),
            (offset + 0.8, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -2),
            textcoords="offset points",
            va="top",
            fontsize=7,
            color="0.35",
        )
