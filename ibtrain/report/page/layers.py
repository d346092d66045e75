"""The table of layers in the document of a page.

A row is ``{method, layer, seed, epoch, cells}``, with ``seed`` null for the mean over seeds. ``cells`` maps the name of a value to
``[value, error, ceiling, flags]``; the error is the standard error or, over several seeds, the standard deviation. Plain numbers have
no ceiling.
"""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from ibtrain.plane.point import PlanePoint
from ibtrain.report.page.numbers import number
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.quantities import column_groups
from ibtrain.text import printable

__all__ = ["table_columns", "table_rows"]


def table_columns(runs: Sequence[ReportedRun]) -> list[dict[str, str]]:
    """The columns of all runs: name, heading and unit of each value."""
    names = dict.fromkeys(
        name
        for run in runs
        for panel in run.panels
        for point in panel.points
        for name in (*point.estimates, *point.scalars)
    )
    return [
        {"name": printable(q.name), "heading": printable(q.heading), "unit": q.unit}
        for group in column_groups(names)
        for q in group
    ]


def table_rows(run: ReportedRun) -> list[dict[str, Any]]:
    """The last point of every layer, of the mean over seeds and of each seed."""
    rows = []
    for panel in run.panels:
        last: dict[str, dict[int, PlanePoint]] = {}
        for point in panel.points:
            last.setdefault(point.layer, {})[point.seed] = point
        for by_seed in last.values():
            points = [by_seed[seed] for seed in sorted(by_seed)]
            rows.append(_row(points, None))
            if len(points) > 1:
                rows += [_row([point], point.seed) for point in points]
    return rows


def _row(points: Sequence[PlanePoint], seed: int | None) -> dict[str, Any]:
    names = dict.fromkeys(name for p in points for name in (*p.estimates, *p.scalars))
    return {
        "method": points[0].method,
        "layer": printable(points[0].layer),
        "seed": seed,
        "epoch": number(max(point.epoch for point in points)),
        "cells": {printable(name): _cell(points, name) for name in names},
    }


def _cell(points: Sequence[PlanePoint], name: str) -> list[Any]:
    estimates = [p.estimates[name] for p in points if name in p.estimates]
    values = [e.mi for e in estimates] or [p.scalars[name] for p in points if name in p.scalars]
    error = stdev(values) if len(values) > 1 else estimates[0].stderr if estimates else None
    ceiling = max((e.ceiling for e in estimates), default=None)
    return [
        number(fmean(values)),
        None if error is None else number(error),
        None if ceiling is None else number(ceiling),
        sorted({printable(flag) for e in estimates for flag in e.flags}),
    ]
