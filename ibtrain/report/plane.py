"""Picture of the information plane: a panel for each method and measure."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ibtrain.report.caption import add_caption
from ibtrain.report.epochs import epoch_share, epoch_ticks, set_epoch_axis
from ibtrain.report.grid import Grid
from ibtrain.report.information import InformationLine
from ibtrain.report.legend import add_legend, layer_handles, mark_handles, shade_handle
from ibtrain.report.limits import axis_ends, draw_limit, shared_ends
from ibtrain.report.mpl import Figure, Line2D, LogNorm, Normalize, ScalarMappable
from ibtrain.report.panels import PlanePanel, in_unit, limits_of, rows_of, unit_of
from ibtrain.report.paths import EPOCH_MAP, EpochLines, LayerLine, layer_style
from ibtrain.report.points import LayerPath, layer_paths
from ibtrain.report.quantities import PlaneAxes
from ibtrain.report.series import layer_names
from ibtrain.report.style import LIMITS, styled
from ibtrain.report.view import PlaneView

__all__ = ["PlanePicture", "plane_figure"]


@styled
def plane_figure(panels: Sequence[PlanePanel], view: PlaneView | None = None) -> Figure:
    """Draws each measure's plane for each method; see :class:`PlanePicture`.

    Args:
        panels: The columns.
        view: Choices of what is drawn.
    """
    return PlanePicture(panels, view or PlaneView()).figure


class PlanePicture:
    """The planes of several panels, which can be shown up to any epoch without being drawn anew.

    The rows are measures, first the exact one, and the columns are methods, or snapshots of them. The axes of a row are
    the same in all columns.

    Args:
        panels: The columns.
        view: Choices of what is drawn.
        extra: Height of an additional axis below the planes, in inches.
    """

    def __init__(self, panels: Sequence[PlanePanel], view: PlaneView, extra: float = 0.0) -> None:
        self.view = view
        self.unit = unit_of(panels, view)
        self.panels = in_unit(panels, self.unit)
        self.last = max(point.epoch for panel in self.panels for point in panel.points)
        self.layers = layer_names(panels)
        rows = rows_of(self.panels, view)
        columns = [(panel, moment) for panel in self.panels for moment in view.moments]
        self._artists: list[tuple[Any, float]] = []
        paths = [
            [layer_paths(panel.points, axes, view.seeds) for panel, _ in columns] for axes in rows
        ]
        self._draw(rows, columns, paths, extra)
        self.show(math.inf)

    def show(self, until: float) -> list[Any]:
        """Shows the epochs up to a last one; returns the artists that changed."""
        return [
            artist
            for drawing, moment in self._artists
            for artist in drawing.show(min(moment, until))
        ]

    def _draw(
        self,
        rows: Sequence[PlaneAxes],
        columns: Sequence[tuple[PlanePanel, float]],
        paths: Sequence[Sequence[list[LayerPath]]],
        extra: float,
    ) -> None:
        titles = [
            _title(panel, min(moment, self.last), len(self.view.moments))
            for panel, moment in columns
        ]
        draw_row = self._draw_curves if self.view.style == "curves" else self._draw_planes
        is_plane = self.view.style != "curves"
        self.grid = Grid([row.title for row in rows], titles, 1 if is_plane else 2, extra)
        self.figure = self.grid.figure
        draw_row(rows, columns, paths)
        all_paths = [path for row in paths for cell in row for path in cell]
        add_legend(self.figure, self._handles(all_paths))
        add_caption(self.figure, self.panels, self.view)

    def _draw_planes(self, rows: Any, columns: Any, paths: Any) -> None:
        planes = [
            axis_ends(
                _stacked(p.extent for cell in row for p in cell), limits_of(self.panels, axes)
            )
            for row, axes in zip(paths, rows, strict=True)
        ]
        for row, (axes, ends) in enumerate(zip(rows, shared_ends(planes), strict=True)):
            names = [f"{label}  [{self.unit}]" for label in axes.labels]
            for column, (panel, moment) in enumerate(columns):
                axis = self.grid.axes[row][0][column]
                axis.set(xlim=ends[0], ylim=ends[1])
                self.grid.label(axis, *names)
                self._artists += [(d, moment) for d in self._drawings(axis, paths[row][column])]
                for direction, name, value in zip(
                    "xy", LIMITS[self.unit], limits_of([panel], axes), strict=True
                ):
                    draw_limit(axis, direction, name, value)
        if self.view.style == "epochs":
            self._add_colour_bar()

    def _drawings(self, axis: Any, paths: Sequence[LayerPath]) -> list[Any]:
        if self.view.style == "layers":
            size = 6.5 if self.grid.columns <= 2 else 5.0
            share, is_thin = epoch_share(self.last), self._is_thin(paths)
            return [
                LayerLine(axis, path, self._style(path), share, is_thin=is_thin, size=size)
                for path in paths
            ]
        seeds = dict.fromkeys(path.seed for path in paths)
        networks = [[path for path in paths if path.seed == seed] for seed in seeds]
        return [
            EpochLines(axis, network, [self._style(path) for path in network], self._norm)
            for network in networks
        ]

    def _draw_curves(self, rows: Any, columns: Any, paths: Any) -> None:
        for row, axes in enumerate(rows):
            limits = limits_of(self.panels, axes)
            for quantity in (0, 1):
                lines = []
                for column, (_, moment) in enumerate(columns):
                    axis = self.grid.axes[row][quantity][column]
                    cell = paths[row][column]
                    lines += [
                        InformationLine(
                            axis, path, quantity, self._style(path), is_thin=self._is_thin(cell)
                        )
                        for path in cell
                    ]
                    self._artists += [(line, moment) for line in lines[-len(cell) :]]
                ends = axis_ends(_stacked(e.extent for e in lines), (math.inf, limits[quantity]))
                for axis, (panel, _) in zip(self.grid.axes[row][quantity], columns, strict=True):
                    set_epoch_axis(axis, self.last)
                    axis.set_ylim(ends[1])
                    self.grid.label(axis, "epoch", f"{axes.labels[quantity]}  [{self.unit}]")
                    limit = limits_of([panel], axes)[quantity]
                    draw_limit(axis, "y", LIMITS[self.unit][quantity], limit)

    def _style(self, path: LayerPath) -> tuple[Any, str]:
        return layer_style(self.layers.index(path.layer), len(self.layers))

    def _is_thin(self, paths: Sequence[LayerPath]) -> bool:
        return len(paths) > len({path.layer for path in paths})

    def _handles(self, paths: Sequence[LayerPath]) -> list[Any]:
        style = self.view.style
        has_colours = style != "epochs"
        handles = layer_handles(self.layers, has_colours=has_colours, line="-" * has_colours)
        if style == "layers":
            handles.append(shade_handle([epoch for path in paths for epoch in path.epochs]))
        handles += mark_handles(paths, is_plane=style == "layers")
        label = "limits: " + ", ".join(LIMITS[self.unit])
        return [*handles, Line2D([], [], ls=":", color="k", lw=0.9, label=label)]

    @property
    def _norm(self) -> Normalize:
        return LogNorm(1, self.last + 1) if self.last > 0 else Normalize(0, 1)

    def _add_colour_bar(self) -> None:
        for figure, axes in self.grid.planes():
            colours = figure.colorbar(
                ScalarMappable(self._norm, EPOCH_MAP), ax=axes, pad=0.02, aspect=25
            )
            ticks = epoch_ticks(self.last)
            colours.set_ticks([tick + 1 for tick in ticks], labels=[f"{tick:g}" for tick in ticks])
            colours.minorticks_off()
            colours.set_label("epoch")


def _stacked(extents: Any) -> Any:
    return np.concatenate(list(extents))


def _title(panel: PlanePanel, moment: float, moments: int) -> str:
    return panel.title if moments == 1 else f"{panel.title}\nuntil epoch {moment:g}"
