"""Points by hand, and checks of the texts of a picture."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any
from unittest import mock

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from ibtrain.mi.result import Estimate
from ibtrain.plane.point import PlanePoint
from ibtrain.report.panels import PlanePanel

LN_N, ENTROPY = 8.0, 2.3
TRAINING = "β = 0.0001, predicting from noisy t (clean h in the last hidden block)"
PIXELS = 1.0
"""Boxes of texts may touch by this much: they include the space above small letters."""


def estimate(mi: float, *flags: str, ceiling: float = LN_N, stderr: float = 0.01) -> Estimate:
    return Estimate(float(mi), stderr, "mine", ceiling, flags, 100, 100)


def point(
    seed: int, epoch: float, x: float, y: float = 1.0, *flags: str, layer: str = "hidden1"
) -> PlanePoint:
    """A point whose MINE values are x and y, and whose exact values are the same."""
    pair = {"mi_xt": estimate(x, *flags), "mi_ty": estimate(y, ceiling=ENTROPY)}
    exact = {f"{name}_channel": replace(value, flags=()) for name, value in pair.items()}
    return PlanePoint("layerwise", seed, layer, epoch, {"sigma": 0.5}, pair | exact)


def network_points(
    layers: Sequence[str], seeds: int = 1, epochs: Sequence[float] = (0, 1, 2, 5, 20)
) -> list[PlanePoint]:
    """Points of networks whose layers move in x and in y."""
    return [
        point(seed, epoch, 6 - 0.4 * k + 0.03 * epoch - 0.1 * seed, 1 + 0.03 * epoch, layer=layer)
        for seed in range(seeds)
        for k, layer in enumerate(layers)
        for epoch in epochs
    ]


def with_values(before: PlanePoint, **estimates: Estimate) -> PlanePoint:
    """A point with other values."""
    return replace(before, estimates=before.estimates | estimates)


def panel(points: Sequence[PlanePoint], title: str = "Layer-wise (information bottleneck)") -> Any:
    return PlanePanel(title, points, "digits", "σ = 0.16 × radius of h", training=TRAINING)


def drawn_texts(figure: Figure) -> list[Text]:
    """The texts that are drawn; a figure also has texts of ticks beyond its axes."""
    texts: list[Text] = []
    draw = Text.draw

    def record(self: Text, *args: Any, **kwargs: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            texts.append(self)
        draw(self, *args, **kwargs)

    with mock.patch.object(Text, "draw", record):
        FigureCanvasAgg(figure).draw()
    return list(dict.fromkeys(texts))


def check_texts(figure: Figure) -> None:
    """Checks that no two texts of a picture overlap, and that none is cut off."""
    boxes = {text: text.get_window_extent() for text in drawn_texts(figure)}
    for (first, a), (second, b) in combinations(boxes.items(), 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        overlap = width > PIXELS and height > PIXELS
        assert not overlap, f"{first.get_text()!r} overlaps {second.get_text()!r}"
    for text, box in boxes.items():
        is_inside = (
            box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        )
        assert is_inside, f"{text.get_text()!r} is cut off"
