"""The planes of a run in the document of a page.

A plane is ``{method, measure, title, labels, limits, paths}``. Its paths have the fields of
:class:`~ibtrain.report.points.LayerPath`: ``layer``, ``seed`` (null for the mean), ``epochs``, ``x`` and ``y``, ``audits``
(lists of index, x and y) and ``below``. ``x`` and ``y`` are ``{value, low, high, ceiling, flags}``, lists over epochs; ``flags`` maps the
index of an epoch to the names of its flags.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.plane.point import PlanePoint
from ibtrain.report.page.numbers import number, numbers
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.panels import limits_of, shared_axes
from ibtrain.report.points import LayerPath, layer_paths
from ibtrain.report.quantities import PlaneAxes
from ibtrain.report.series import LayerSeries, layer_series
from ibtrain.text import printable

__all__ = ["run_planes", "values"]


def run_planes(run: ReportedRun) -> list[dict[str, Any]]:
    """The planes of each method and measure of a run, first those of the exact measure."""
    return [
        {
            "method": panel.points[0].method,
            "measure": axes.measure,
            "title": axes.title,
            "labels": list(axes.labels),
            "limits": numbers(limits_of([panel], axes)),
            "paths": [
                path for seeds in ("mean", "all") for path in _paths(panel.points, axes, seeds)
            ],
        }
        for axes in shared_axes(run.panels)
        for panel in run.panels
    ]


def _paths(points: Sequence[PlanePoint], axes: PlaneAxes, seeds: str) -> list[dict[str, Any]]:
    if seeds == "all" and len({point.seed for point in points}) == 1:
        # the mean of one seed is the seed's path, with its standard errors
        return []
    paths = layer_paths(points, axes, seeds)
    all_series = layer_series(points, (axes.x, axes.y), seeds)
    ceilings = {
        (p.layer, name): p.estimates[name].ceiling for p in points for name in (axes.x, axes.y)
    }
    return [
        {
            "layer": printable(path.layer),
            "seed": path.seed if seeds == "all" else None,
            "epochs": numbers(path.epochs),
            **{
                axis: values(series, column) | {"ceiling": number(ceilings[path.layer, name])}
                for column, (axis, name) in enumerate((("x", axes.x), ("y", axes.y)))
            },
            "audits": _audits(path),
            "below": [bool(is_below) for is_below in path.below],
        }
        for path, series in zip(paths, all_series, strict=True)
    ]


def values(series: LayerSeries, column: int) -> dict[str, Any]:
    """One quantity of a series: its values, the ends of their bars, and their flags by index.

    Args:
        series: The values of a layer by epoch.
        column: Index of the quantity.
    """
    middle, spread = series.values[:, column], series.spread[:, column]
    return {
        "value": numbers(middle),
        "low": numbers(middle - spread[:, 0]),
        "high": numbers(middle + spread[:, 1]),
        "flags": {
            str(index): sorted(map(printable, flags[column]))
            for index, flags in enumerate(series.flags)
            if flags[column]
        },
    }


def _audits(path: LayerPath) -> list[list[Any]]:
    return [[index, *numbers(np.ravel(audit))] for index, audit in path.audits.items()]
