"""Picture of the accuracy by layer, measured by linear probes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.config import METHODS
from ibtrain.report.mpl import Figure
from ibtrain.report.style import COLOURS, LINES, MARKERS, method_title, new_figure, styled
from ibtrain.text import abridged, printable

__all__ = ["layers_figure"]

SMALLEST_SPAN = 5.0
"""Smallest length of the axis, in percent."""
LONGEST_NAME, LONGEST_DATASET = 30, 40
LONGEST_LINE = 90
"""Most characters of the names of all layers beside each other."""


@styled
def layers_figure(results: dict[str, Any]) -> Figure:
    """Draws the test accuracy of a linear probe by layer, and of the network, for each method.

    Args:
        results: The document ``results.json``.
    """
    figure, axes = new_figure(1, 1, 3.0)
    axis = axes[0, 0]
    methods = [method for method in METHODS if results.get(method)]
    names = max(([layer["name"] for layer in results[m][0]["layers"]] for m in methods), key=len)
    for index, method in enumerate(methods):
        seeds = results[method]
        values = np.array(
            [
                [*(layer["probe_accuracy"] for layer in seed["layers"]), seed["test_accuracy"]]
                for seed in seeds
            ]
        )
        mean = 100 * values.mean(axis=0)
        std = 100 * values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
        # shifted horizontally, so that the methods' bars do not overlap
        x = np.array([*range(len(mean) - 1), len(names)]) + 0.06 * (2 * index - 1)
        axis.errorbar(
            x[:-1],
            mean[:-1],
            std[:-1],
            color=COLOURS[method],
            ls=LINES[method],
            marker=MARKERS[index],
            ms=4,
            capsize=2,
            lw=1.4,
            label=method_title(method, results["objective"].get("name", "ib")),
        )
        axis.errorbar(
            x[-1:],
            mean[-1:],
            std[-1:],
            color=COLOURS[method],
            ls="",
            marker=MARKERS[index],
            ms=6,
            capsize=2,
            mec="k",
        )
    _name_layers(axis, names)
    axis.set_ylabel("test accuracy  [%]")
    _widen(axis)
    seeds_note = f"mean ± s.d. of {len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    dataset = abridged(printable(results["dataset"]), LONGEST_DATASET)
    axis.set_title(f"{dataset}: accuracy by layer ({seeds_note})")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _name_layers(axis: Any, names: Sequence[str]) -> None:
    """Names the layers below the axis, upright if they are long."""
    labels = [abridged(printable(name), LONGEST_NAME) for name in names] + ["network"]
    is_long = max(map(len, labels)) * len(labels) > LONGEST_LINE
    style = {"rotation": 90} if is_long else {}
    axis.set_xticks(range(len(labels)), labels, **style)
    axis.set_xlabel("linear probe on this layer, or the network itself")


def _widen(axis: Any) -> None:
    """Makes the axis at least so long that small differences look small; accuracies stay below 100 %."""
    low, high = axis.get_ylim()
    missing = max(SMALLEST_SPAN - (high - low), 0.0)
    high = min(high + missing / 2, max(high, 100.5))
    axis.set_ylim(min(low, high - SMALLEST_SPAN), high)
