"""Picture of the information plane, with a column for each method."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ibtrain.plane.point import PlanePoint
from ibtrain.report.mpl import (
    Figure,
    Line2D,
    LineCollection,
    LogNorm,
    Normalize,
    ScalarMappable,
)
from ibtrain.report.quantities import PlaneAxes, axes_of
from ibtrain.report.style import (
    MARKERS,
    new_figure,
    styled,
)
from ibtrain.text import printable

__all__ = ["PlanePanel", "plane_figure", "shared_axes"]

CMAP = "cividis"


@dataclass(frozen=True)
class PlanePanel:
    """One column of the picture: one method of one run.

    Args:
        title: Title of the column.
        points: All recorded points of that method, of all seeds and layers.
        note: Data set, noise and objective, for the caption.
    """

    title: str
    points: Sequence[PlanePoint]
    note: str


@dataclass(frozen=True)
class _Path:
    """A layer's mean path over seeds; ``flagged`` if an estimate at its end is above a limit."""

    layer: str
    epochs: np.ndarray[Any, Any]
    xy: np.ndarray[Any, Any]
    error: np.ndarray[Any, Any]
    flagged: bool


@styled
def plane_figure(panels: Sequence[PlanePanel], *, until: float | None = None) -> Figure:
    """Draws each measure's plane (rows) for each method (columns), all with the same axis limits.

    A layer's path is the mean over seeds, coloured by the epochs of its own stage. A marker shows
    the end of the path, with bars of one standard deviation over seeds.

    Args:
        panels: The columns.
        until: Last epoch of the paths that are drawn; None draws all epochs.
    """
    rows = shared_axes(panels)
    height = 0.9 + len(rows) * (2.5 if len(panels) > 1 else 2.75)
    figure, axes = new_figure(len(rows), len(panels), height, sharex=True, sharey=True)
    last = max(point.epoch for panel in panels for point in panel.points)
    norm = LogNorm(1, last + 1) if last > 0 else Normalize(0, 1)
    layers: list[str] = []
    for column, panel in enumerate(panels):
        for layer in dict.fromkeys(point.layer for point in panel.points):
            if layer not in layers:
                layers.append(layer)
        for row, (name_x, name_y, title) in enumerate(rows):
            axis = axes[row, column]
            axis.set_title(f"{panel.title}\n{title}")
            for path in _paths(panel.points, name_x, name_y):
                _draw_path(
                    axis, path, MARKERS[layers.index(path.layer) % len(MARKERS)], norm, until
                )
            _draw_limits(axis, panel.points[0], name_x, name_y)
            if column == 0:
                axis.set_ylabel("I(T; Y)  [nats]")
            if row == len(rows) - 1:
                axis.set_xlabel("I(X; T)  [nats]")
    _set_limits(axes, panels, rows)
    _add_colour_bar(figure, axes, norm, last)
    _add_legend(figure, layers)
    figure.supxlabel(_caption(panels), fontsize=7)
    return figure


def _add_colour_bar(figure: Figure, axes: Any, norm: Normalize, last: float) -> None:
    """Adds a colour bar of epochs, with ticks at 1, 2 and 5 of each decade and at the last epoch."""
    colours = figure.colorbar(_mappable(norm), ax=axes, shrink=0.6, pad=0.02)
    ticks: list[float] = [
        epoch for epoch in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if epoch < last
    ]
    ticks = [*ticks, last] if not ticks or last > 1.3 * ticks[-1] else [*ticks[:-1], last]
    colours.set_ticks([epoch + 1 for epoch in ticks], labels=[f"{epoch:g}" for epoch in ticks])
    colours.minorticks_off()
    colours.set_label("epoch of the layer's own training")


def _add_legend(figure: Figure, layers: Sequence[str]) -> None:
    handles = [
        Line2D(
            [],
            [],
            ls="-",
            color="0.4",
            marker=MARKERS[i % len(MARKERS)],
            mec="k",
            label=printable(layer),
        )
        for i, layer in enumerate(layers)
    ]
    handles.append(Line2D([], [], ls="", marker="o", mfc="w", mec="k", label="end, flagged"))
    handles.append(Line2D([], [], ls=":", color="k", label="limits: ln N, H(Y)"))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(6, len(handles)))


def shared_axes(panels: Sequence[PlanePanel]) -> list[PlaneAxes]:
    """The planes whose two estimates exist in all points of all panels.

    Args:
        panels: The panels of a picture.
    """
    return axes_of([point for panel in panels for point in panel.points])


def _mappable(norm: Normalize) -> Any:
    return ScalarMappable(norm=norm, cmap=CMAP)


def _paths(points: Sequence[PlanePoint], name_x: str, name_y: str) -> list[_Path]:
    """Each layer's mean over seeds: at the epochs that all seeds recorded, and of the seeds' last points."""
    by_layer: dict[str, dict[int, dict[float, PlanePoint]]] = defaultdict(lambda: defaultdict(dict))
    for point in points:
        by_layer[point.layer][point.seed][point.epoch] = point
    paths = []
    for layer, by_seed in by_layer.items():
        ends = [seed[max(seed)] for seed in by_seed.values()]
        shared = set.intersection(*(set(seed) - {max(seed)} for seed in by_seed.values()))
        moments = [[seed[epoch] for seed in by_seed.values()] for epoch in sorted(shared)]
        values = [
            np.array([(p.estimates[name_x].mi, p.estimates[name_y].mi) for p in moment])
            for moment in [*moments, ends]
        ]
        flags = {f for p in ends for name in (name_x, name_y) for f in p.estimates[name].flags}
        paths.append(
            _Path(
                layer=layer,
                epochs=np.array([*sorted(shared), max(end.epoch for end in ends)]),
                xy=np.array([value.mean(axis=0) for value in values]),
                error=np.array(
                    [v.std(axis=0, ddof=1) if len(v) > 1 else np.zeros(2) for v in values]
                ),
                flagged=any(flag.startswith("above") for flag in flags),
            )
        )
    return paths


def _draw_path(axis: Any, path: _Path, marker: str, norm: Normalize, until: float | None) -> None:
    shown = path.epochs <= (until if until is not None else path.epochs[-1])
    epochs, xy, error = path.epochs[shown], path.xy[shown], path.error[shown]
    segments = np.stack([xy[:-1], xy[1:]], axis=1)
    axis.add_collection(
        LineCollection(
            list(segments), array=epochs[1:] + 1, cmap=CMAP, norm=norm, linewidths=1.6, zorder=2
        )
    )
    axis.scatter(*xy[:-1].T, c=epochs[:-1] + 1, cmap=CMAP, norm=norm, s=9, zorder=3, linewidths=0)
    axis.errorbar(
        *xy[-1],
        xerr=error[-1, 0],
        yerr=error[-1, 1],
        fmt="none",
        ecolor="0.3",
        elinewidth=0.9,
        zorder=3,
    )
    ended = epochs[-1] == path.epochs[-1]
    end = (
        {"color": "w"}
        if path.flagged and ended
        else {"c": epochs[-1:] + 1, "cmap": CMAP, "norm": norm}
    )
    axis.scatter(*xy[-1:].T, **end, marker=marker, s=42, edgecolors="k", linewidths=0.8, zorder=4)


def _draw_limits(axis: Any, point: PlanePoint, name_x: str, name_y: str) -> None:
    ln_n, entropy = (point.estimates[name].ceiling for name in (name_x, name_y))
    if not math.isfinite(ln_n + entropy):
        return
    axis.axvline(ln_n, ls=":", color="k", lw=0.9, zorder=1)
    axis.axhline(entropy, ls=":", color="k", lw=0.9, zorder=1)
    label = {"fontsize": 7, "color": "0.2"}
    axis.annotate(
        f"ln N = {ln_n:.2f}",
        (ln_n, 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="bottom",
        **label,
    )
    axis.annotate(
        f"H(Y) = {entropy:.2f}",
        (0.02, entropy),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="left",
        va="bottom",
        **label,
    )


def _set_limits(axes: Any, panels: Sequence[PlanePanel], rows: Sequence[PlaneAxes]) -> None:
    points = [point for panel in panels for point in panel.points]
    for names, set_limits in (
        ([row.x for row in rows], axes[0, 0].set_xlim),
        ([row.y for row in rows], axes[0, 0].set_ylim),
    ):
        estimates = [point.estimates[name] for point in points for name in names]
        values = [estimate.mi for estimate in estimates]
        ceilings = [e.ceiling for e in estimates if math.isfinite(e.ceiling)]
        top = max([*values, *ceilings])
        low = min([0.0, *values])
        margin = 0.06 * (top - low)
        set_limits(low - margin, top + 1.6 * margin)


def _caption(panels: Sequence[PlanePanel]) -> str:
    texts = []
    for panel in panels:
        seeds = len({point.seed for point in panel.points})
        spread = f"mean of {seeds} seeds, bars ±1 s.d." if seeds > 1 else "one seed"
        samples = next(iter(panel.points[0].estimates.values())).n_test
        texts.append(f"{panel.note}\nN = {samples} test samples; {spread}")
    return "\n".join(dict.fromkeys(texts))
