"""What a picture of the plane draws: panels of points, in one unit, and their description."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ibtrain.plane.point import PlanePoint
from ibtrain.report.quantities import PlaneAxes, axes_of, choose_axes
from ibtrain.report.view import PlaneView

__all__ = ["PlanePanel", "in_unit", "limits_of", "rows_of", "shared_axes", "unit_of"]


@dataclass(frozen=True)
class PlanePanel:
    """One column of the picture: one method of one run.

    Args:
        title: Title of the column.
        points: All recorded points of that method, of all seeds and layers.
        dataset: Name of the data set, for the caption.
        noise: Noise of the plane, for the caption.
        conditions: What the values of each measure depend on, for the caption; by default the noise.
        training: Objective of the training, for the caption; empty for backprop.
        on: Samples on which the plane was measured: ``test``, ``train`` or ``all``.
        accuracies: For each stage of training, its epochs and the mean test accuracies after them.
        train_share: Share of the training samples on which the run trained.
        run: Name of the run, for error messages.
        remeasured: CSV files of `ibtrain measure` in the run's folder, for error messages.
    """

    title: str
    points: Sequence[PlanePoint]
    dataset: str
    noise: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)
    training: str = ""
    on: str = "test"
    accuracies: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    train_share: float = 1.0
    run: str = ""
    remeasured: Sequence[str] = ()


def shared_axes(panels: Sequence[PlanePanel]) -> list[PlaneAxes]:
    """The planes whose two estimates exist in all points of all panels; exact values are the first.

    Args:
        panels: The panels of a picture.
    """
    return axes_of([point for panel in panels for point in panel.points])


def rows_of(panels: Sequence[PlanePanel], view: PlaneView) -> list[PlaneAxes]:
    """The planes that are drawn.

    Args:
        panels: The panels of a picture.
        view: Chooses the measures.

    Raises:
        ConfigError: If a chosen measure is not in all points.
    """
    drawable = shared_axes(panels)
    if not view.measures:
        return drawable
    return choose_axes(drawable, view.measures, [path for p in panels for path in p.remeasured])


def unit_of(panels: Sequence[PlanePanel], view: PlaneView) -> str:
    """The unit of a picture: the chosen one, or that of the first point.

    Args:
        panels: The panels of a picture.
        view: Chooses the unit.
    """
    return view.unit or next(iter(panels[0].points[0].estimates.values())).unit


def limits_of(panels: Sequence[PlanePanel], axes: PlaneAxes) -> tuple[float, float]:
    """The largest ln N and H(Y) of some panels.

    Args:
        panels: The panels.
        axes: The measure.
    """
    points = [point for panel in panels for point in panel.points]
    x, y = (max(p.estimates[name].ceiling for p in points) for name in (axes.x, axes.y))
    return x, y


def in_unit(panels: Sequence[PlanePanel], unit: str) -> list[PlanePanel]:
    """The panels with all estimates in one unit.

    Args:
        panels: The panels of a picture.
        unit: ``nats`` or ``bits``.
    """
    return [replace(panel, points=[_converted(p, unit) for p in panel.points]) for panel in panels]


def _converted(point: PlanePoint, unit: str) -> PlanePoint:
    estimates = {name: estimate.to_unit(unit) for name, estimate in point.estimates.items()}
    return replace(point, estimates=estimates)
