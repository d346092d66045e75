"""Draws the pictures of a run's folder."""

from dataclasses import asdict

from ibtrain.config import METHODS
from ibtrain.report.curves import curves_figure
from ibtrain.report.film import save_plane
from ibtrain.report.layers import layers_figure
from ibtrain.report.plane import PlanePanel, shared_axes
from ibtrain.report.style import METHOD_NAMES, method_title, save_figure
from ibtrain.report.words import noise_words, objective_words
from ibtrain.runs import RunFolder
from ibtrain.text import printable

__all__ = ["plane_panels", "save_pictures"]


def plane_panels(folder: RunFolder, named: bool = False) -> list[PlanePanel]:
    """Returns a panel for each method of a run that recorded its plane.

    Args:
        folder: The folder of the run.
        named: Whether titles include the name of the run, because several runs are drawn together.

    Raises:
        RunFolderError: If the run's files are missing or broken.
    """
    config = folder.config()
    points = folder.plane_points()
    note = (
        f"{printable(config.dataset)}: σ = {noise_words(vars(config.plane))}, "
        f"{objective_words(asdict(config.objective), 'β = ')}"
    )
    panels = []
    for method in METHODS:
        method_points = [point for point in points if point.method == method]
        title = (
            f"{printable(folder.path.name)}\n{METHOD_NAMES[method]}"
            if named
            else method_title(method, config.objective.name)
        )
        if method_points:
            panels.append(PlanePanel(printable(title), method_points, printable(note)))
    return panels


def save_pictures(folder: RunFolder) -> None:
    """Draws ``plane.png``, ``curves.png`` and ``layers.png`` into a finished run's folder."""
    # drawing takes seconds, in which the folder may be replaced by another process
    folder.check_owned()
    curves = curves_figure(folder.events.read("epoch"), folder.config().objective.name)
    folder.check_owned()
    save_figure(curves, folder.path / "curves.png")
    panels = plane_panels(folder)
    if shared_axes(panels):
        folder.check_owned()
        save_plane(panels, folder.path / "plane.png")
    has_probe = all("probe_accuracy" in p.scalars for panel in panels for p in panel.points)
    if panels and has_probe:
        layers = layers_figure(folder.read_json("results.json"))
        folder.check_owned()
        save_figure(layers, folder.path / "layers.png")
