"""The profile as a measure: beside the channel's value, and in a run's table and folder."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from commands import run

from ibtrain.plane.measures.profile import RADIUS_SHARES


def test_a_run_holds_the_profile_and_its_table_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = "--epochs 1 --seeds 0 --hidden 6 --plane-points 2 --measures channel,profile"
    done = run("train", "end-to-end", *options.split(), "--run-dir", folder)
    assert done.exit_code == 0, done.stderr
    assert "_at_" not in done.stdout
    assert " at 0.16" not in done.stdout
    points = [
        event["point"]
        for event in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        if event["event"] == "plane"
    ]
    for point in points:
        values = [point[f"mi_xt_at_{share}"]["mi"] for share in RADIUS_SHARES]
        # more noise, less information: at 2.56 of the radius hardly any
        assert all(low > high for low, high in pairwise(values))
        for name in ("mi_xt", "mi_ty"):
            # the plane's noise is 0.16 of the radius
            expected = point[f"{name}_channel"]["mi"]
            assert point[f"{name}_at_0.16"]["mi"] == pytest.approx(expected, abs=1e-4)
