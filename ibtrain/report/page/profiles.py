"""The information profiles of a run in the document of a page.

A profile is ``{method, layer, seed, quantity, shares, limit, epochs, points}``: for each epoch one of the points, ``{value, low, high,
flags}``, whose lists go over the sizes of the noise.
"""

from typing import Any

import numpy as np

from ibtrain.plane.measures.profile import RADIUS_SHARES
from ibtrain.report.page.numbers import number, numbers
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.panels import PlanePanel
from ibtrain.report.series import layer_series
from ibtrain.text import printable

__all__ = ["run_profiles"]

QUANTITIES = {"xt": "I(X; T)", "ty": "I(T; Y)"}


def run_profiles(run: ReportedRun) -> list[dict[str, Any]]:
    """The profiles of each method, layer and quantity, combined over seeds and of each seed."""
    return [
        profile
        for panel in run.panels
        for pair, words in QUANTITIES.items()
        for seed in (None, *sorted({point.seed for point in panel.points}))
        for profile in _profiles(panel, pair, words, seed)
    ]


def _profiles(panel: PlanePanel, pair: str, words: str, seed: int | None) -> list[dict[str, Any]]:
    names = [f"mi_{pair}_at_{share}" for share in RADIUS_SHARES]
    points = [p for p in panel.points if {*names} <= {*p.estimates} and seed in (None, p.seed)]
    profiles = []
    for series in layer_series(points, names, "mean"):
        ends = series.values[..., None] + series.spread * np.array([-1, 1])
        profiles.append(
            {
                "method": points[0].method,
                "layer": printable(series.layer),
                "seed": seed,
                "quantity": words,
                "shares": list(RADIUS_SHARES),
                "limit": number(max(p.estimates[names[0]].ceiling for p in points)),
                "epochs": numbers(series.epochs),
                "points": [
                    {
                        "value": numbers(values),
                        "low": numbers(end[:, 0]),
                        "high": numbers(end[:, 1]),
                        "flags": {
                            str(i): sorted(map(printable, f)) for i, f in enumerate(flags) if f
                        },
                    }
                    for values, end, flags in zip(series.values, ends, series.flags, strict=True)
                ],
            }
        )
    return profiles
