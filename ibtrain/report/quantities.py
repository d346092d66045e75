"""What the measures of a layer are called in tables and pictures: read off their classes."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from ibtrain.config import MEASURES
from ibtrain.plane.measures import Measure, Quantity, measure_class
from ibtrain.plane.point import AUDIT, PlanePoint

__all__ = ["PlaneAxes", "axes_of", "columns_of"]

SCALE = Quantity("activation_scale", "scale of h", "")


class PlaneAxes(NamedTuple):
    """A measure's plane.

    Args:
        x: Name of I(X; T).
        y: Name of I(T; Y).
        title: Heading.
    """

    x: str
    y: str
    title: str


def _classes() -> list[type[Measure]]:
    """All measures; without those that can't be imported, which a run that chose them has said."""
    classes = []
    for name in MEASURES:
        with suppress(ImportError, AttributeError):
            classes.append(measure_class(name))
    return classes


def axes_of(points: Sequence[PlanePoint]) -> list[PlaneAxes]:
    """The planes on which every point has a place.

    Args:
        points: Of the plane.
    """
    classes = _classes()
    every = [PlaneAxes(*kind.axes, kind.title) for kind in classes if kind.axes]
    return [
        axes
        for axes in every
        if points and all({axes.x, axes.y} <= {*point.estimates} for point in points)
    ]


def columns_of(names: Iterable[str]) -> list[Quantity]:
    """What a table shows of a layer's values, in order: what measures are known for, and then everything else.

    Args:
        names: Of the values.
    """
    known = [quantity for kind in _classes() for quantity in kind.quantities]
    by_name = {quantity.name: quantity for quantity in (*known, SCALE)}
    given = [name for name in names if name != "sigma" and not name.endswith(AUDIT)]
    others = [Quantity(name, name, "") for name in given if name not in by_name]
    return [by_name[name] for name in by_name if name in given] + others
