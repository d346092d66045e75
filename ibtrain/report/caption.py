"""Captions of pictures of the plane."""

from collections.abc import Sequence
from textwrap import fill

from ibtrain.report.mpl import Figure
from ibtrain.report.panels import PlanePanel
from ibtrain.report.view import PLANE_STYLES, PlaneView

__all__ = ["add_caption", "caption"]

CAPTION_WIDTH = 130
"""Number of the caption's characters in a line."""
_SAMPLES = {"test": "test samples", "train": "training samples", "all": "samples"}
_SEEDS = {"mean": "mean of {} seeds", "median": "median of {} seeds", "all": "{} seeds"}
_BARS = {"mean": ", bars: ± s.d.", "median": ", bars: quartiles", "all": ""}
_NOISY_STYLES = (*PLANE_STYLES, "shares")
"""Styles whose values have the noise of the plane."""
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
    """Noise, samples, seeds and objectives of the panels, each said once.

    Args:
        panels: The panels of a picture.
        view: Says what is drawn of several seeds, and in which style.
    """
    has_noise = view.style in _NOISY_STYLES
    groups: dict[tuple[str, str], list[PlanePanel]] = {}
    for panel in panels:
        noise = f": {panel.noise}" if has_noise and panel.noise else ""
        groups.setdefault((panel.dataset + noise, _samples(panel, view)), []).append(panel)
    sentences = []
    for (note, samples), group in groups.items():
        trainings = dict.fromkeys(panel.training for panel in group if panel.training)
        sigmas = _sigma_range(group) if has_noise else ""
        sentences.append("; ".join([note + sigmas, samples, *trainings]))
    return "\n".join(sentences)


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
        count = next(iter(panel.points[0].estimates.values())).n_test
        samples = f"N = {count} {_SAMPLES[panel.on]}"
    return f"{samples}; {seeds}{bars if view.style in _BARRED_STYLES else ''}"
