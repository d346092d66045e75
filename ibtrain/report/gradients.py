"""Picture of the gradients of the layers by epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.report.caption import add_caption
from ibtrain.report.epochs import set_epoch_axis
from ibtrain.report.grid import Grid
from ibtrain.report.legend import add_legend, layer_handles, mark_handle
from ibtrain.report.mpl import Figure, Line2D
from ibtrain.report.panels import PlanePanel
from ibtrain.report.paths import layer_style
from ibtrain.report.series import LayerSeries, layer_names, layer_series, measured_panels
from ibtrain.report.style import styled
from ibtrain.report.view import PlaneView

__all__ = ["gradients_figure", "phase_change"]

NAMES = ("gradient_mean", "gradient_std")
LINES = ("-", ":")
WORDS = ("norm of the mean gradient", "norm of its standard deviation")
MARK = "D"
SIDE = 2
"""Number of points that a change of phase needs on either side."""


@styled
def gradients_figure(panels: Sequence[PlanePanel], view: PlaneView) -> Figure:
    """Draws the mean and the standard deviation of the gradients of batches, by epoch, in a panel for each method.

    Args:
        panels: The columns.
        view: Choices of what is drawn.

    Raises:
        ConfigError: If a panel has no gradients up to the last epoch.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), figure 4.
    """
    panels = measured_panels(panels, NAMES, view, "gradients")
    layers = layer_names(panels)
    cells = [layer_series(panel.points, NAMES, view.seeds) for panel in panels]
    all_series = [series for cell in cells for series in cell]
    last = max(series.epochs[-1] for series in all_series)
    ends = _ends(np.concatenate([series.values.ravel() for series in all_series]))
    grid = Grid(["Gradients of the layers"], [panel.title for panel in panels], 1, 0.0)
    for axis, cell in zip(grid.axes[0][0], cells, strict=True):
        axis.set_yscale("log", nonpositive="mask")
        # the default is a formula, which this style does not parse
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("")
        set_epoch_axis(axis, last)
        axis.set_ylim(ends)
        is_thin = len(cell) > len({series.layer for series in cell})
        for series in cell:
            colour, _ = layer_style(layers.index(series.layer), len(layers))
            _draw(axis, series, colour, is_thin=is_thin)
        grid.label(axis, "epoch", "norm / norm of the weights")
    handles = layer_handles(layers, has_markers=False)
    handles += [
        Line2D([], [], color="0.3", ls=line, label=words)
        for line, words in zip(LINES, WORDS, strict=True)
    ]
    if any(phase_change(series.epochs, *series.values.T) for series in all_series):
        handles.append(mark_handle(MARK, "white", "change of phase: std stays above mean"))
    add_legend(grid.figure, handles)
    add_caption(grid.figure, panels, view)
    return grid.figure


def phase_change(
    epochs: np.ndarray[Any, Any], mean: np.ndarray[Any, Any], std: np.ndarray[Any, Any]
) -> tuple[float, float] | None:
    r"""The epoch and the norm at which the mean gradient falls below its standard deviation for good.

    It is where the lines cross that join the points on the picture's axes, :math:`\log(1 + epoch)` and the logarithm of the
    norms. There is a change only if the mean is below at the last two points or more, and above at the two points before.

    Args:
        epochs: Epochs of the points, ``(n,)``.
        mean: Norm of the mean gradient, ``(n,)``.
        std: Norm of the standard deviation, ``(n,)``.

    Returns:
        Epoch and norm; None without a change.

    Example:
        >>> epoch, norm = phase_change(np.arange(4), np.array([8, 4, 1, 1]), np.array([2, 2, 2, 2]))
        >>> round(epoch, 3), norm
        (1.449, 2.0)
    """
    is_below = mean < std
    count = len(epochs)
    first = count - int(np.argmin(is_below[::-1]))
    before = slice(first - SIDE, first)
    if count - first < SIDE or first < SIDE or not (mean[before] > std[before]).all():
        return None
    pair = slice(first - 1, first + 1)
    if not (mean[pair].all() and std[pair].all()):
        return None
    above, below = np.log(mean[pair] / std[pair])
    share = above / (above - below)
    epoch = np.expm1(np.log1p(epochs[pair]) @ [1 - share, share])
    return float(epoch), float(np.exp(np.log(std[pair]) @ [1 - share, share]))


def _draw(axis: Any, series: LayerSeries, colour: Any, *, is_thin: bool) -> None:
    for line, values in zip(LINES, series.values.T, strict=True):
        width = 0.7 if is_thin else 1.3
        axis.plot(series.epochs, values, ls=line, marker="o", ms=2, lw=width, color=colour)
    change = phase_change(series.epochs, *series.values.T)
    if change:
        style = {"color": colour, "mfc": "white", "ms": 5, "mew": 1.2, "zorder": 4}
        axis.plot(*change, MARK, **style)


def _ends(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Ends of the logarithmic axis, at least a factor of 10 apart."""
    positive = values[values > 0]
    if not len(positive):
        return 0.1, 1.0
    low, high = np.log10([positive.min(), positive.max()])
    missing = max(1 - (high - low), 0.0)
    margin = 0.06 * max(high - low, 1.0)
    low, high = 10 ** np.array([low - missing / 2 - margin, high + missing / 2 + margin])
    return float(low), float(high)
