"""Draws the pictures of a run's folder."""

from collections import defaultdict
from dataclasses import asdict
from statistics import fmean

from ibtrain.checks import check_number
from ibtrain.config import METHODS, Method
from ibtrain.io.untrusted import untrusted
from ibtrain.plane.measures import measure_class
from ibtrain.plane.point import PlanePoint
from ibtrain.report.curves import curves_figure
from ibtrain.report.film import save_plane
from ibtrain.report.layers import layers_figure
from ibtrain.report.panels import PlanePanel, shared_axes
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
    points = _comparable_points(folder)
    noise = f"σ = {noise_words(vars(config.plane))}"
    accuracies = _accuracies(folder)
    panels = []
    for method in METHODS:
        is_layerwise = method == "layerwise"
        title = (
            f"{printable(folder.path.name)}\n{METHOD_NAMES[method]}"
            if named
            else method_title(method, config.objective.name)
        )
        panel = PlanePanel(
            title,
            [point for point in points if point.method == method],
            printable(config.dataset),
            noise,
            {
                name: measure_class(name).conditions(config.plane, noise)
                for name in config.plane.measures
            },
            printable(objective_words(asdict(config.objective), "β = ")) if is_layerwise else "",
            config.plane.on,
            accuracies[method],
            config.train_share,
            printable(str(folder.path)),
            sorted(map(str, folder.path.glob("plane-*.csv"))),
        )
        if panel.points:
            panels.append(panel)
    return panels


def _comparable_points(folder: RunFolder) -> list[PlanePoint]:
    """The points of a run, without those of a seed in training if other seeds of its method are finished.

    A mean over seeds would otherwise end at different moments of their training.
    """
    points = folder.plane_points()
    with untrusted("a result", "what a run makes", str(folder.events.path)):
        finished = {(event["method"], event["seed"]) for event in folder.recorded("result")}
    methods = {method for method, _ in finished}
    return [p for p in points if p.method not in methods or (p.method, p.seed) in finished]


def _accuracies(folder: RunFolder) -> dict[Method, dict[str, list[tuple[float, float]]]]:
    """Mean test accuracies of the seeds after each epoch, by method and stage."""
    values: dict[Method, dict[str, dict[float, list[float]]]]
    values = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    with untrusted("an epoch", "what a run makes", str(folder.events.path)):
        for event in folder.recorded("epoch"):
            if "test_accuracy" in event:
                check_number("epoch", event["epoch"], 0)
                check_number("test_accuracy", event["test_accuracy"], 0)
                epochs = values[event["method"]][event["stage"]]
                epochs[event["epoch"]].append(event["test_accuracy"])
    return defaultdict(
        dict,
        {
            method: {
                stage: [(epoch, fmean(epochs[epoch])) for epoch in sorted(epochs)]
                for stage, epochs in stages.items()
            }
            for method, stages in values.items()
        },
    )


def save_pictures(folder: RunFolder) -> None:
    """Draws ``plane.png``, ``curves.png`` and ``layers.png`` into a finished run's folder."""
    # drawing takes seconds, in which the folder may be replaced by another process
    folder.check_owned()
    results = folder.read_json("results.json")
    entropy = results["label_entropy"]
    curves = curves_figure(folder.recorded("epoch"), folder.config().objective.name, entropy)
    folder.check_owned()
    save_figure(curves, folder.path / "curves.png")
    panels = plane_panels(folder)
    if shared_axes(panels):
        folder.check_owned()
        save_plane(panels, folder.path / "plane.png")
    has_probe = all("probe_accuracy" in p.scalars for panel in panels for p in panel.points)
    if panels and has_probe:
        layers = layers_figure(results)
        folder.check_owned()
        save_figure(layers, folder.path / "layers.png")
