"""The document of a report page, and the page around it."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from pictures import ENTROPY, LN_N, estimate, network_points, point, with_values
from reported import LAYERS, accuracies, write_run
from scipy.stats import ttest_ind, ttest_rel

from ibtrain.config import ObjectiveConfig, PlaneConfig, RunConfig
from ibtrain.mi.result import FLAGS
from ibtrain.plane.measures.profile import RADIUS_SHARES
from ibtrain.report.page.compare import difference_row
from ibtrain.report.page.document import page_document
from ibtrain.report.page.write import ASSETS, LIBRARY, page_html
from ibtrain.runs.differences import difference
from ibtrain.runs.verdicts import judge

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Scripts(HTMLParser):
    """Collects the script elements of a page, and the names of all elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.tags: list[str] = []
        self._current: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self._current = values.get("id") or values.get("type") if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._current:
            self.texts[self._current] = self.texts.get(self._current, "") + data


def only_plane(document: dict[str, Any], measure: str) -> Any:
    (plane,) = [p for p in document["runs"][0]["planes"] if p["measure"] == measure]
    return plane


def test_a_path_has_the_means_and_deviations_of_the_seeds(tmp_path: Path) -> None:
    points = network_points(LAYERS, 3)
    document = page_document(
        [write_run(tmp_path / "run", RunConfig(seeds=(0, 1, 2)), points=points)]
    )
    assert document["runs"][0]["planes"][0]["measure"] == "channel"
    plane = only_plane(document, "channel")
    assert plane["limits"] == [LN_N, ENTROPY]
    mean = next(p for p in plane["paths"] if p["seed"] is None and p["layer"] == "output")
    assert mean["epochs"] == [0, 1, 2, 5, 20]
    for index, epoch in enumerate(mean["epochs"]):
        values = [
            p.estimates["mi_xt_channel"].mi
            for p in points
            if (p.layer, p.epoch) == ("output", epoch)
        ]
        assert mean["x"]["value"][index] == pytest.approx(fmean(values), rel=1e-5)
        assert mean["x"]["high"][index] == pytest.approx(fmean(values) + stdev(values), rel=1e-5)
        assert mean["x"]["low"][index] == pytest.approx(fmean(values) - stdev(values), rel=1e-5)
    seeds = [p["seed"] for p in plane["paths"] if p["layer"] == "output"]
    assert seeds == [None, 0, 1, 2]


def test_every_flag_of_a_value_is_at_its_own_axis_and_epoch(tmp_path: Path) -> None:
    flagged = [point(0, 0, 5.0, 1.0, "lagging", "overfit"), point(0, 1, 5.1)]
    document = page_document([write_run(tmp_path / "run", RunConfig(seeds=(0,)), points=flagged)])
    (path,) = only_plane(document, "mine")["paths"]
    assert path["x"]["flags"] == {"0": ["lagging", "overfit"]}
    assert path["y"]["flags"] == {}
    assert document["flags"] == FLAGS
    (path,) = only_plane(document, "channel")["paths"]
    assert path["x"]["flags"] == {}


def test_audits_and_bounds_below_the_exact_value_are_told(tmp_path: Path) -> None:
    low = with_values(point(0, 0, 5.0), mi_xt=estimate(4.0), mi_xt_audit=estimate(4.5), mi_ty_audit=estimate(1.0))  # fmt: skip
    document = page_document([write_run(tmp_path / "run", RunConfig(seeds=(0,)), points=[low])])
    (path,) = only_plane(document, "mine")["paths"]
    assert path["audits"] == [[0, 4.5, 1]]
    assert path["below"] == [True, False]


def test_the_table_has_the_last_points(tmp_path: Path) -> None:
    points = network_points(LAYERS, 2)
    document = page_document([write_run(tmp_path / "run", points=points)])
    rows = document["runs"][0]["table"]
    assert [(row["layer"], row["seed"]) for row in rows] == [
        (layer, seed) for layer in LAYERS for seed in (None, 0, 1)
    ]
    last = [p.estimates["mi_xt"].mi for p in points if (p.layer, p.epoch) == ("hidden1", 20)]
    value, error, ceiling, flags = rows[0]["cells"]["mi_xt"]
    assert (value, error) == pytest.approx((fmean(last), stdev(last)), rel=1e-5)
    assert (ceiling, flags) == (LN_N, [])
    assert rows[1]["cells"]["mi_xt"][:2] == [pytest.approx(last[0], rel=1e-5), 0.01]
    assert rows[1]["cells"]["sigma"] == [0.5, None, None, []]


def test_profiles_and_curves_are_there(tmp_path: Path) -> None:
    values = {
        f"mi_{pair}_at_{share}": estimate(1 / (1 + share))
        for pair in ("xt", "ty")
        for share in RADIUS_SHARES
    }
    points = [with_values(point(0, epoch, 5.0), **values) for epoch in (0, 3)]
    run = page_document([write_run(tmp_path / "run", RunConfig(seeds=(0,)), points=points)])[
        "runs"
    ][0]
    profile = next(p for p in run["profiles"] if p["quantity"] == "I(X; T)" and p["seed"] is None)
    assert profile["epochs"] == [0, 3]
    expected = [1 / (1 + share) for share in RADIUS_SHARES]
    assert profile["points"][1]["value"] == pytest.approx(expected, rel=1e-5)
    curves = {(c["kind"], c["method"], c["stage"]): c for c in run["curves"]}
    assert curves["accuracy", "layerwise", "output"]["offset"] == 2
    assert curves["accuracy", "end_to_end", "network"]["value"] == [0.85, 0.9]
    assert curves["loss", "end_to_end", "network"]["value"] == [1, 0.5]


def row(first: dict[int, float], second: dict[int, float]) -> dict[str, Any]:
    """The row of a difference."""
    found = difference(first, second)
    assert found is not None
    return difference_row(judge([found], [0.0025])[0], "one", "two")


def test_intervals_are_those_of_scipy() -> None:
    first, second = {0: 0.91, 1: 0.95, 2: 0.93, 7: 0.5}, {0: 0.90, 1: 0.91, 2: 0.92, 9: 0.1}
    paired = row(first, second)
    pairs = [[100 * group[seed] for seed in (0, 1, 2)] for group in (first, second)]
    expected = ttest_rel(*pairs).confidence_interval(0.95)
    assert (paired["kind"], paired["seeds"], paired["value"]) == ("paired", "3", 2)
    assert (paired["low"], paired["high"]) == pytest.approx((expected.low, expected.high), rel=1e-4)
    other = {seed + 100: value for seed, value in second.items()}
    unpaired = row(first, other)
    groups = [[100 * value for value in group.values()] for group in (first, other)]
    expected = ttest_ind(*groups, equal_var=False).confidence_interval(0.95)
    assert (unpaired["kind"], unpaired["seeds"]) == ("unpaired", "4 and 4")
    assert (unpaired["low"], unpaired["high"]) == pytest.approx(
        (expected.low, expected.high), rel=1e-4
    )


@pytest.mark.parametrize("seeds", [({0: 0.9}, {0: 0.8}), ({0: 0.9, 1: 0.9}, {5: 0.8})])
def test_one_seed_has_no_interval(seeds: Any) -> None:
    difference = row(*seeds)
    assert difference["value"] == pytest.approx(10)
    assert difference["low"] is difference["high"] is None


def test_equal_differences_have_no_interval() -> None:
    difference = row({0: 0.9, 1: 0.8}, {0: 0.8, 1: 0.7})
    assert difference["value"] == pytest.approx(10)
    assert difference["low"] is difference["high"] is None
    assert (
        difference["verdict"]
        == "undecided: one and two differ by +10.00 with each of 2 seeds, so that nothing shows the spread"
    )


def test_runs_are_compared_by_what_differs(tmp_path: Path) -> None:
    first = RunConfig(seeds=(0, 1))
    second = replace(first, objective=ObjectiveConfig(beta=(0.01,)))
    folders = [
        write_run(tmp_path / "first", first, results=accuracies([0.9, 0.91], [0.8, 0.82])),
        write_run(tmp_path / "second", second, results=accuracies([0.92, 0.94], [0.8, 0.82])),
    ]
    document = page_document(folders)
    top, *others = document["parameters"]
    assert top == {"name": "objective.beta", "values": ["0.0001", "0.01"], "differs": True}
    assert not any(row["differs"] for row in others)
    rows = {(row["first"], row["second"], row["where"]): row for row in document["differences"]}
    assert rows["layer-wise", "end-to-end", "first"]["value"] == pytest.approx(9.5)
    assert rows["second", "first", "layer-wise"]["value"] == pytest.approx(2.5)
    assert rows["second", "first", "end-to-end"]["value"] == pytest.approx(0)
    assert len(rows) == 4
    assert (
        "better than first by 2.50 points" not in rows["second", "first", "layer-wise"]["verdict"]
    )
    assert rows["second", "first", "layer-wise"]["p"] == "0.13"


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    points = network_points([HOSTILE])
    config = RunConfig(seeds=(0,), dataset=f"npz:{HOSTILE}")
    document = page_document([write_run(tmp_path / "run", config, points=points)])
    document["title"] = HOSTILE
    scripts = Scripts(page_html(document))
    assert scripts.tags.count("script") == 3
    assert "img" not in scripts.tags
    assert not set(scripts.texts["document"]) & set("<>&")
    assert json.loads(scripts.texts["document"]) == document
    assert document["layers"][0]["name"] == HOSTILE


def test_a_marker_in_the_data_is_not_replaced(tmp_path: Path) -> None:
    document = page_document(
        [write_run(tmp_path / "run", RunConfig(seeds=(0,), dataset="npz:@@library@@"))]
    )
    assert json.loads(Scripts(page_html(document)).texts["document"]) == document


def test_the_library_is_the_one_that_its_note_names(tmp_path: Path) -> None:
    (sha,) = re.findall(r"`([0-9a-f]{64})`", (ASSETS / "vendor/README.md").read_text())
    script = gzip.decompress((ASSETS / LIBRARY).read_bytes())
    assert hashlib.sha256(script).hexdigest() == sha
    page = Scripts(page_html(page_document([write_run(tmp_path / "run")])))
    assert gzip.decompress(base64.b64decode(page.texts["library"])) == script


def test_every_source_in_the_text_has_an_entry(tmp_path: Path) -> None:
    every = PlaneConfig(
        measures=("mine", "channel", "binned", "pairwise", "ksg", "dropout", "quantised", "probe")
    )
    run = page_document(
        [write_run(tmp_path / "run", RunConfig(plane=every), points=network_points(LAYERS, 3))]
    )["runs"][0]
    cited = set(re.findall(r"\[([a-z]+\d{4})\]", run["methods_text"]))
    assert cited == set(re.findall(r"@\w+\{(\w+),", run["bibtex"]))
    assert {"elad2018", "belghazi2018", "goldfeld2019", "shwartzziv2017", "kraskov2004"} <= cited
    assert "r1Nb5i05tX" in run["bibtex"]


def test_only_what_the_run_used_is_cited(tmp_path: Path) -> None:
    config = RunConfig(seeds=(0,), methods=("end_to_end",), plane=PlaneConfig(measures=("binned",)))
    points = [replace(p, method="end_to_end") for p in network_points(LAYERS)]
    run = page_document([write_run(tmp_path / "run", config, points=points)])["runs"][0]
    assert re.findall(r"@\w+\{(\w+),", run["bibtex"]) == ["shwartzziv2017"]
    assert run["repeat"].startswith("ibtrain train end-to-end --config ")


def test_the_command_of_a_run_can_be_pasted(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    words = ["/usr/bin/ibtrain", "compare", "--dataset", "npz:my file.npz", "--hidden", "9,9"]
    (folder.path / "environment.json").write_text(json.dumps({"command": words, "python": "3.12"}))
    run = page_document([folder])["runs"][0]
    assert run["command"] == "ibtrain compare --dataset 'npz:my file.npz' --hidden 9,9"
    assert ["python", "3.12"] in run["environment"]


@pytest.mark.parametrize("text", ["", "{", '{"command": 5}', '{"command": []}'])
def test_a_missing_or_broken_environment_is_left_out(tmp_path: Path, text: str) -> None:
    folder = write_run(tmp_path / "run")
    if text:
        (folder.path / "environment.json").write_text(text)
    assert page_document([folder])["runs"][0]["command"] == ""
