"""What a picture of the plane draws: panels of points, in one unit, and their description."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ibtrain.plane.point import PlanePoint
from ibtrain.report.quantities import PlaneAxes, axes_of, choose_axes
from ibtrain.report.view import PlaneView

__all__ = ["PlanePanel", "caption", "in_unit", "rows_of", "shared_axes", "unit_of"]

_SAMPLES = {"test": "test samples", "train": "training samples", "all": "samples"}
_SEEDS = {"mean": "mean of {} seeds", "median": "median of {} seeds", "all": "{} seeds"}
_BARS = {"mean": ", bars: ± s.d.", "median": ", bars: quartiles", "all": ""}


@dataclass(frozen=True)
class PlanePanel:
    """One column of the picture: one method of one run.

    Args:
        title: Title of the column.
        points: All recorded points of that method, of all seeds and layers.
        note: Data set and noise of the plane, for the caption.
        training: Objective of the training, for the caption; empty for backprop.
        on: Samples on which the plane was measured: ``test``, ``train`` or ``all``.
        accuracies: For each stage of training, its epochs and the mean test accuracies after them.
    """

    title: str
    points: Sequence[PlanePoint]
    note: str
    training: str = ""
    on: str = "test"
    accuracies: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)


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
    return choose_axes(drawable, view.measures) if view.measures else drawable


def unit_of(panels: Sequence[PlanePanel], view: PlaneView) -> str:
    """The unit of a picture: the chosen one, or that of the first point.

    Args:
        panels: The panels of a picture.
        view: Chooses the unit.
    """
    return view.unit or next(iter(panels[0].points[0].estimates.values())).unit


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


def caption(panels: Sequence[PlanePanel], view: PlaneView) -> str:
    """Noise, samples, seeds and objectives of the panels, each said once.

    Args:
        panels: The panels of a picture.
        view: Says what is drawn of several seeds, and whether bars are.
    """
    groups: dict[tuple[str, str], list[PlanePanel]] = {}
    for panel in panels:
        groups.setdefault((panel.note, _samples(panel, view)), []).append(panel)
    sentences = []
    for (note, samples), group in groups.items():
        trainings = dict.fromkeys(panel.training for panel in group if panel.training)
        sentences.append("; ".join([note + _sigma_range(group), samples, *trainings]))
    return "\n".join(sentences)


def _sigma_range(panels: Sequence[PlanePanel]) -> str:
    """The smallest and the largest noise of any layer, where it was recorded."""
    sigmas = [p.scalars["sigma"] for panel in panels for p in panel.points if "sigma" in p.scalars]
    if not sigmas or min(sigmas) == max(sigmas):
        return ""
    return f" ({min(sigmas):.2g} to {max(sigmas):.2g} over layers and epochs)"


def _samples(panel: PlanePanel, view: PlaneView) -> str:
    count = next(iter(panel.points[0].estimates.values())).n_test
    number = len({point.seed for point in panel.points})
    seeds = _SEEDS[view.seeds].format(number) if number > 1 else "one seed"
    bars = _BARS[view.seeds] if number > 1 else ", bars: ± standard error"
    return f"N = {count} {_SAMPLES[panel.on]}; {seeds}{'' if view.style == 'epochs' else bars}"
