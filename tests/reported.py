"""Folders of runs by hand, for reports."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pictures import network_points

from ibtrain.config import RunConfig
from ibtrain.plane.point import PlanePoint
from ibtrain.runs import RunFolder

LAYERS = ("hidden1", "output")


def accuracies(layerwise: Sequence[float], end_to_end: Sequence[float]) -> dict[str, Any]:
    return {"layerwise": layerwise, "end_to_end": end_to_end}


def write_run(
    path: Path,
    config: RunConfig | None = None,
    *,
    results: Mapping[str, Sequence[float]] | None = None,
    points: Sequence[PlanePoint] | None = None,
) -> RunFolder:
    """A run with points of layer-wise training, two epochs of each method, and results of each of its seeds."""
    config = config or RunConfig(seeds=(0, 1))
    points = network_points(LAYERS, len(config.seeds)) if points is None else points
    path.mkdir(parents=True)
    (path / "config.json").write_text(config.to_json())
    events: list[dict[str, Any]] = [{"event": "plane", "point": p.to_dict()} for p in points]
    for method in config.methods:
        stages = LAYERS if method == "layerwise" else ("network",)
        events += [
            {"event": "epoch", "method": method, "seed": seed, "stage": stage, "epoch": epoch}
            | {"test_accuracy": 0.8 + 0.05 * epoch + 0.01 * seed, "cross_entropy": 1.0 / epoch}
            for seed in config.seeds
            for stage in stages
            for epoch in (1, 2)
        ]
    for method, values in (results or {}).items():
        events += [
            {"event": "result", "method": method, "seed": seed, "seconds": 1.0, "layers": []}
            | {"test_accuracy": value, "train_accuracy": 1.0}
            for seed, value in zip(config.seeds, values, strict=True)
        ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return RunFolder.open(path)
