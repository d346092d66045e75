"""Captions of pictures of the plane."""

from collections.abc import Sequence
from textwrap import fill

from ibtrain.report.mpl import Figure
from ibtrain.report.panels import PlanePanel, rows_of
from ibtrain.report.view import MEASURE_STYLES, PlaneView

__all__ = ["add_caption", "caption"]

CAPTION_WIDTH = 130
"""Number of the caption's characters in a line."""
_SAMPLES = {"test": "test samples", "train": "training samples", "all": "samples"}
_SEEDS = {"mean": "mean of {} seeds", "median": "median of {} seeds", "all": "{} seeds"}
_BARS = {"mean": ", bars: ± s.d.", "median": ", bars: quartiles", "all": ""}
_BARRED_STYLES = ("layers", "curves", "profile", "shares")


def add_caption(figure: Figure, panels: Sequence[PlanePanel], view: PlaneView) -> None:
    """Adds the caption below the picture.

    Args:
        figure: The figure.
        panels: The panels of the picture.
        view: Says what is drawn of several seeds, and in which style.
    """
    # no line ends beside these signs
    text = caption(panels, view).replace(" = ", "\xa0=\xa0").replace("± ", "±\xa0")
    text = "\n".join(fill(line, CAPTION_WIDTH) for line in text.splitlines())
    figure.supxlabel(text, fontsize=7, x=0.01, ha="left")


def caption(panels: Sequence[PlanePanel], view: PlaneView) -> str:
    """Noise or bins, samples, seeds and objectives of the panels, each said once.

    Args:
        panels: The panels of a picture.
        view: Says what is drawn of several seeds, and in which style.
    """
    groups: dict[tuple[str, str], list[PlanePanel]] = {}
    for panel in panels:
        conditions = _conditions(panel, panels, view)
        note = ": ".join([panel.dataset, *filter(None, [conditions])])
        groups.setdefault((note, _samples(panel, view)), []).append(panel)
    sentences = []
    for (note, samples), group in groups.items():
        names = f"{', '.join(_names(group))}: " if len(groups) > 1 else ""
        sentences.append(names + "; ".join([note, samples, *_trainings(group)]))
    return "\n".join(sentences)


def _conditions(panel: PlanePanel, panels: Sequence[PlanePanel], view: PlaneView) -> str:
    """What the drawn values of a panel depend on, besides the samples."""
    if view.style == "units":
        measures = ["binned"]
    elif view.style in MEASURE_STYLES:
        measures = [axes.measure for axes in rows_of(panels, view)]
    else:
        return ""
    words = dict.fromkeys(panel.conditions.get(name, panel.noise) for name in measures)
    text = "; ".join(filter(None, words))
    if not panel.noise:
        return text
    alike = [p for p in panels if (p.dataset, p.noise) == (panel.dataset, panel.noise)]
    return text.replace(panel.noise, panel.noise + _sigma_range(alike), 1)


def _names(panels: Sequence[PlanePanel]) -> list[str]:
    """The first line of each title: the name of the run, if there are several."""
    return list(dict.fromkeys(panel.title.partition("\n")[0] for panel in panels))


def _trainings(panels: Sequence[PlanePanel]) -> list[str]:
    """The objective of each training, with the run's name if there are several."""
    trainings: dict[str, list[PlanePanel]] = {}
    for panel in panels:
        if panel.training:
            trainings.setdefault(panel.training, []).append(panel)
    if len(trainings) == 1:
        return [*trainings]
    return [f"{', '.join(_names(group))}: {text}" for text, group in trainings.items()]


def _sigma_range(panels: Sequence[PlanePanel]) -> str:
    """The smallest and the largest noise of any layer, where it was recorded."""
    sigmas = [p.scalars["sigma"] for panel in panels for p in panel.points if "sigma" in p.scalars]
    if not sigmas or min(sigmas) == max(sigmas):
        return ""
    return f" ({min(sigmas):.2g} to {max(sigmas):.2g} over layers and epochs)"


def _samples(panel: PlanePanel, view: PlaneView) -> str:
    number = len({point.seed for point in panel.points})
    seeds = _SEEDS[view.seeds].format(number) if number > 1 else "one seed"
    bars = _BARS[view.seeds] if number > 1 else ", bars: ± standard error"
    samples = "batches of training samples"
    if view.style != "gradients":
        # measures of weights have no estimates
        counts = [estimate.n_test for estimate in panel.points[0].estimates.values()]
        samples = " ".join([*(f"N = {count}" for count in counts[:1]), _SAMPLES[panel.on]])
    return f"{samples}; {seeds}{bars if view.style in _BARRED_STYLES else ''}"
