"""Headings and axes of the measures of a layer, for tables and pictures, from the measures' classes."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from ibtrain.config import MEASURES
from ibtrain.plane.measures import Measure, Quantity, measure_class
from ibtrain.plane.point import AUDIT_SUFFIX, PlanePoint

__all__ = ["PlaneAxes", "axes_of", "columns_of"]

ACTIVATION_SCALE = Quantity("activation_scale", "std of h", "")


class PlaneAxes(NamedTuple):
    """Axes of a measure's plane.

    Args:
        x: Name of the estimate of I(X; T).
        y: Name of the estimate of I(T; Y).
        title: Title of the plane.
    """

    x: str
    y: str
    title: str


def _classes() -> list[type[Measure]]:
    """The classes of all measures, without those that can't be imported: a run that uses such a measure fails earlier."""
    classes = []
    for name in MEASURES:
        with suppress(ImportError, AttributeError):
            classes.append(measure_class(name))
    return classes


def axes_of(points: Sequence[PlanePoint]) -> list[PlaneAxes]:
    """The planes whose two estimates exist in every point.

    Args:
        points: The points that are drawn.
    """
    all_axes = [PlaneAxes(*measure.axes, measure.title) for measure in _classes() if measure.axes]
    return [
        axes
        for axes in all_axes
        if points and all({axes.x, axes.y} <= {*point.estimates} for point in points)
    ]


def columns_of(names: Iterable[str]) -> list[Quantity]:
    """The columns of a table of layers, in order: quantities that tables show, then all undeclared values.

    Args:
        names: Names of a layer's values.
    """
    declared = [quantity for measure in _classes() for quantity in measure.quantities]
    by_name = {quantity.name: quantity for quantity in (*declared, ACTIVATION_SCALE)}
    shown = [name for name in names if name != "sigma" and not name.endswith(AUDIT_SUFFIX)]
    undeclared = [Quantity(name, name, "") for name in shown if name not in by_name]
    columns = [by_name[name] for name in by_name if name in shown and by_name[name].in_tables]
    return columns + undeclared
