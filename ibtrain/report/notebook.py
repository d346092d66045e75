"""What a notebook shows of estimates, trained networks, planes and runs."""

from collections.abc import Sequence
from typing import Any

from ibtrain.config import METHODS
from ibtrain.errors import IBTrainError
from ibtrain.mi.result import FLAGS, Estimate
from ibtrain.plane.measures import Quantity
from ibtrain.plane.point import AUDIT_SUFFIX, PlanePoint
from ibtrain.plane.points import PlanePoints
from ibtrain.report.estimates import describe
from ibtrain.report.markup import explained_flags, note, picture, section, table_html
from ibtrain.report.panels import shared_axes
from ibtrain.report.pictures import plane_panels
from ibtrain.report.plane import plane_figure
from ibtrain.report.quantities import column_groups
from ibtrain.report.style import figure_bytes
from ibtrain.report.table import flags_of, footnote, layer_columns, summary_rows
from ibtrain.runs import RunFolder
from ibtrain.train.progress import METRIC_LABELS
from ibtrain.train.results import FitResult

__all__ = ["estimate_html", "fit_html", "points_html", "run_html"]

MAX_ROWS = 60
"""Maximum number of layers in a table."""
FOOTNOTE_WIDTH = 120
PERCENT = ("train_accuracy", "validation_accuracy")


def estimate_html(estimate: Estimate) -> str:
    """An estimate, its limit, and each flag in words.

    Args:
        estimate: The estimate.
    """
    title, *lines = describe(estimate).splitlines()
    parts = [note(line, is_warning=line.strip().partition(":")[0] in FLAGS) for line in lines]
    return section(title, *parts)


def fit_html(result: FitResult) -> str:
    """A trained network: its accuracies, and the last metrics of each of its blocks.

    Args:
        result: The result of a trainer.
    """
    last = {record.stage: record for record in result.history}
    measured = dict.fromkeys(name for record in last.values() for name in record.metrics)
    names = [name for name in METRIC_LABELS if name in measured]
    names += [name for name in measured if name not in METRIC_LABELS]
    headings = [METRIC_LABELS.get(name, name) + " %" * (name in PERCENT) for name in names]
    rows = [["block", "epochs", *headings, "flags"]]
    for record in last.values():
        cells = [_metric(name, record.metrics.get(name)) for name in names]
        rows.append([record.stage, str(record.epoch), *cells, ", ".join(record.flags)])
    unit = "; bounds in nats" if any(name.startswith("mi_") for name in names) else ""
    line = f"means over the batches of the last epoch{unit}"
    return section(result.summary, table_html(_filled_columns(rows)), note(line))


def points_html(plane: PlanePoints) -> str:
    """The last point of each layer: values with their standard errors, and each flag in words.

    Args:
        plane: Points of the information plane.
    """
    last = {(point.method, point.seed, point.layer): point for point in plane.points}
    names = [name for point in last.values() for name in (*point.scalars, *point.estimates)]
    quantities = [q for group in column_groups(dict.fromkeys(names)) for q in group]
    units = [_unit(q, list(last.values())) for q in quantities]
    headings = [f"{q.heading} {unit}".strip() for q, unit in zip(quantities, units, strict=True)]
    rows = [["method", "seed", "layer", "epoch", "sigma", *headings, "flags"]]
    for point in last.values():
        values = [_value(point, quantity) for quantity in quantities]
        place = [point.method.replace("_", "-"), str(point.seed), point.layer, f"{point.epoch:g}"]
        sigma = point.scalars.get("sigma")
        place.append("" if sigma is None else f"{sigma:.3g}")
        rows.append([*place, *values, ", ".join(_flags(point))])
    left_out = len(rows) - 1 - MAX_ROWS
    parts = [table_html(_filled_columns(rows[: MAX_ROWS + 1]))] if last else []
    parts += [note(f"... and {left_out} more layers")] if left_out > 0 else []
    return section(
        repr(plane).strip("<>"),
        *parts,
        explained_flags(f for p in last.values() for f in _flags(p)),
    )


def run_html(folder: RunFolder) -> str:
    """A run: its accuracies, its layers with their flags in words, and its plane.

    Args:
        folder: The folder of the run; one that can't be read is an error in a sentence.
    """
    try:
        if not folder.is_finished:
            advice = f"not finished: the same call, or ibtrain resume {folder.path}, continues it"
            return section(f"run {folder.path}", note(advice, is_warning=True))
        return section(f"run {folder.path}", *_results(folder), _plane(folder))
    except IBTrainError as error:
        return section(f"run {folder.path}", note(str(error), is_warning=True))


def _results(folder: RunFolder) -> list[str]:
    results = folder.results()
    methods = [method for method in METHODS if results.get(method)]
    parts = [note(str(results["dataset"])), table_html(summary_rows(results, methods))]
    if any(results[method][0]["layers"] for method in methods):
        names, groups = layer_columns(results, methods, MAX_ROWS)
        columns = [*names, *(column for group in groups for column in group)]
        parts.append(table_html(list(zip(*columns, strict=True))))
        parts += map(note, footnote(results, methods, FOOTNOTE_WIDTH).splitlines())
        parts.append(explained_flags(flags_of(results, methods)))
    return parts


def _plane(folder: RunFolder) -> str:
    panels = plane_panels(folder)
    if not shared_axes(panels):
        return ""
    return picture(figure_bytes(plane_figure(panels), "png"), "information plane")


def _metric(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f}" if name in PERCENT else f"{value:.3f}"


def _unit(quantity: Quantity, points: Sequence[PlanePoint]) -> str:
    """The unit of a column: that of its estimates, which headings of numbers have already."""
    units = {p.estimates[quantity.name].unit for p in points if quantity.name in p.estimates}
    return f"[{', '.join(sorted(units))}]" if units else ""


def _value(point: PlanePoint, quantity: Quantity) -> str:
    if estimate := point.estimates.get(quantity.name):
        return f"{estimate.mi:.2f} ± {estimate.stderr:.2f}" + "*" * bool(estimate.flags)
    value: Any = point.scalars.get(quantity.name)
    if value is None:
        return "-"
    return f"{100 * value:.2f}" if quantity.unit == "%" else f"{value:.3g}"


def _flags(point: PlanePoint) -> list[str]:
    return list(
        dict.fromkeys(
            flag
            for name, estimate in point.estimates.items()
            if not name.endswith(AUDIT_SUFFIX)
            for flag in estimate.flags
        )
    )


def _filled_columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows without columns whose cells are all empty."""
    columns = zip(*rows, strict=True)
    return [list(row) for row in zip(*(c for c in columns if any(c[1:])), strict=True)]
