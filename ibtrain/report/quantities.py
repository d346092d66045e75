"""Headings and axes of the measures of a layer, for tables and pictures, from the measures' classes."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ibtrain.config import MEASURES
from ibtrain.errors import ConfigError
from ibtrain.plane.measures import Measure, Quantity, measure_class
from ibtrain.plane.point import AUDIT_SUFFIX, PlanePoint
from ibtrain.text import hint

__all__ = ["EXACT_VALUES", "PlaneAxes", "axes_of", "choose_axes", "column_groups"]

ACTIVATION_SCALE = Quantity("activation_scale", "std of h", "")
EXACT_VALUES = {"mi_xt": "mi_xt_channel", "mi_ty": "mi_ty_channel"}
"""Names of lower bounds, and of the exact values that they bound."""


class PlaneAxes(NamedTuple):
    """Axes of a measure's plane.

    Args:
        x: Name of the estimate of I(X; T).
        y: Name of the estimate of I(T; Y).
        title: Title of the plane.
        measure: Name of the measure.
        labels: What the two estimates are, without their unit: H(T) of activations in bins is no I(X; T).
    """

    x: str
    y: str
    title: str
    measure: str
    labels: tuple[str, str] = ("I(X; T)", "I(T; Y)")


def _classes() -> dict[str, type[Measure]]:
    """All measures by name, without those that can't be imported: a run that uses such a measure fails earlier."""
    classes = {}
    for name in MEASURES:
        with suppress(ImportError, AttributeError):
            classes[name] = measure_class(name)
    return classes


def _labels(measure: type[Measure]) -> tuple[str, str]:
    """The first words of the headings of a measure's axes, such as ``I(X; T)``."""
    assert measure.axes
    headings = {quantity.name: quantity.heading for quantity in measure.quantities}
    x, y = (headings[name].partition(" ")[0].replace(";", "; ") for name in measure.axes)
    return x, y


def axes_of(points: Sequence[PlanePoint]) -> list[PlaneAxes]:
    """The planes whose two estimates exist in every point; exact values are the first.

    Args:
        points: The points that are drawn.
    """
    all_axes = [
        PlaneAxes(*measure.axes, measure.title, name, _labels(measure))
        for name, measure in _classes().items()
        if measure.axes
    ]
    drawable = [
        axes
        for axes in all_axes
        if points and all({axes.x, axes.y} <= {*point.estimates} for point in points)
    ]
    return sorted(drawable, key=lambda axes: axes.x not in EXACT_VALUES.values())


def choose_axes(
    drawable: Sequence[PlaneAxes], measures: Sequence[str], remeasured: Sequence[str] = ()
) -> list[PlaneAxes]:
    """The planes of some measures, in the order of their names.

    Args:
        drawable: The planes that can be drawn.
        measures: Name of each measure, of one of its estimates, or its title.
        remeasured: CSV files of values that were measured again, which the error says how to draw.

    Raises:
        ConfigError: If there is no such plane.
    """
    chosen = []
    for measure in measures:
        matches = [axes for axes in drawable if measure in axes]
        if not matches:
            names = ", ".join(axes.measure for axes in drawable)
            expected = f"one of {names}" if names else "a measure with I(X; T) and I(T; Y)"
            expected += hint(measure, [axes.measure for axes in drawable])
            files = [
                path for path in remeasured if measure in re.split("[-,.]", Path(path).name)[1:]
            ]
            if files:
                expected += f"; in Python, InformationPlane.load({files[0]!r}).plot(measure={measure!r}) draws those values"
            raise ConfigError(repr(measure), expected, "measure to draw")
        chosen += matches
    return chosen


def column_groups(names: Iterable[str]) -> list[list[Quantity]]:
    """The columns of a table of layers, in order: the quantities of each measure, then all other values.

    Args:
        names: Names of a layer's values.
    """
    groups = [list(measure.quantities) for measure in _classes().values()]
    shown = [name for name in names if name != "sigma" and not name.endswith(AUDIT_SUFFIX)]
    declared = {quantity.name for group in groups for quantity in group}
    others = [Quantity(name, name, "") for name in shown if name not in declared]
    rest = [ACTIVATION_SCALE if q.name == ACTIVATION_SCALE.name else q for q in others]
    rest.sort(key=lambda quantity: quantity is not ACTIVATION_SCALE)
    chosen = [
        [quantity for quantity in group if quantity.name in shown and quantity.in_tables]
        for group in groups
    ]
    return [group for group in [*chosen, rest] if group]
