"""What a notebook shows of estimates, trained networks, planes and runs."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from toys import gaussian_classes

from ibtrain import (
    EndToEndTrainer,
    Estimate,
    InformationPlane,
    LayerwiseTrainer,
    ModelConfig,
    OptimConfig,
    PlaneConfig,
    RunConfig,
    mlp,
    run,
)
from ibtrain.mi.result import FLAGS
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.points import PlanePoints
from ibtrain.report.estimates import describe
from ibtrain.runs import RunFolder
from ibtrain.train.results import EpochRecord, FitResult

NASTY = "<script>alert('&')</script>\x1b[2J"


class Page(HTMLParser):
    """The text and the tables of a page whose tags are all closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "img":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def page(thing: object) -> Page:
    html = thing._repr_html_()  # type: ignore[attr-defined]
    # a theme decides on colours
    assert not re.search(r"color\s*:|background|<style", html)
    return Page(html)


def test_an_estimate_shows_all_that_is_printed_of_it() -> None:
    flags = ("overfit", "undersampled")
    value = Estimate(1.25, 0.5, "mine", 6.0, flags, 80, 100, 2.0, read_as={"x": NASTY, "y": "y"})
    shown = page(value)
    for line in describe(replace(value, read_as=None)).splitlines():
        assert line.strip() in shown.text
    assert "⚠ overfit: " + FLAGS["overfit"] in " ".join(shown.text.split())
    assert shown.tags == {"div", "b"}
    assert "<script>alert('&')</script>\\x1b[2J" in shown.text


def test_a_fit_shows_the_last_metrics_of_each_block() -> None:
    network = torch.nn.Sequential()
    history = [
        EpochRecord(NASTY, 1, {"mi_hy": 9.0}),
        EpochRecord(NASTY, 2, {"mi_hy": 0.5, "mine": 3.0, "train_accuracy": 0.625}, ("diverging",)),
        EpochRecord("output", 1, {"cross_entropy": 0.25, "train_accuracy": 0.5}),
    ]
    accuracies = {"train": 0.5, "test": 0.25}
    parts = {"network": network, "readout": network}
    result = FitResult(
        **parts, method="end_to_end", seed=3, accuracies=accuracies, seconds=1.0, history=history
    )
    assert repr(result) == (
        "<FitResult: end-to-end, seed 3, accuracy: train 50.0 %, test 25.0 %; 1.0 s>"
    )
    shown = page(result)
    assert repr(result)[len("<FitResult: ") : -1] in shown.text
    assert shown.rows == [
        ["block", "epochs", "I(h;y)", "loss", "training accuracy %", "mine", "flags"],
        ["<script>alert('&')</script>\\x1b[2J", "2", "0.500", "-", "62.5", "3.000", "diverging"],
        ["output", "1", "-", "0.250", "50.0", "-", ""],
    ]


def test_a_trained_network_and_its_plane_are_shown() -> None:
    data = gaussian_classes()
    plane = InformationPlane(data, config=PlaneConfig(measures=("channel", "probe"), samples=50))
    trainer = LayerwiseTrainer(mlp(6, [4], 3), None, OptimConfig(epochs=2), callbacks=[plane])
    assert [row[0] for row in page(trainer.fit(data)).rows[1:]] == ["hidden1", "output"]
    head, *rows = page(plane).rows
    assert head[5:8] == ["I(X;T) exact [nats]", "I(T;Y) exact [nats]", "probe %"]
    for row, point in zip(rows, (plane.points[-4], plane.points[-1]), strict=True):
        assert row[2:4] == [point.layer, "2"]
        value = point.estimates["mi_ty_channel"]
        assert row[6].rstrip("*") == f"{value.mi:.2f} ± {value.stderr:.2f}"
        assert row[7] == f"{100 * point.scalars['probe_accuracy']:.2f}"


def test_flags_of_a_plane_are_in_words() -> None:
    def point(layer: str, epoch: int, *flags: str) -> PlanePoint:
        value = Estimate(1.0, 0.1, "channel", math.inf, flags, unit="bits")
        return PlanePoint("watched", 0, layer, epoch, {"sigma": 0.5}, {"mi_xt_channel": value})

    points = [point(NASTY, 0, "negative"), point(NASTY, 1, "above_ceiling", "from_the_future")]
    shown = page(PlanePoints(points))
    assert shown.rows == [
        ["method", "seed", "layer", "epoch", "sigma", "I(X;T) exact [bits]", "flags"],
        ["watched", "0", "<script>alert('&')</script>\\x1b[2J", "1", "0.5", "1.00 ± 0.10*",
         "above_ceiling, from_the_future"],
    ]  # fmt: skip
    assert f"⚠ above_ceiling: {FLAGS['above_ceiling']}" in shown.text
    assert "⚠ from_the_future\n" in shown.text
    # that of an earlier epoch is not shown
    assert "negative" not in shown.text
    assert "script" not in shown.tags


def test_a_plane_without_points_and_one_of_many_layers_can_be_shown() -> None:
    assert "0 points of 0 layers" in page(PlanePoints()).text
    points = [PlanePoint("watched", 0, str(index), 0, {"sigma": 1.0}) for index in range(70)]
    shown = page(PlanePoints(points))
    assert len(shown.rows) == 61
    assert "... and 10 more layers" in shown.text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    quick = OptimConfig(epochs=1)
    config = RunConfig(
        seeds=(0,), layerwise=quick, end_to_end=quick, model=ModelConfig(hidden=(8,)),
        plane=PlaneConfig(measures=("channel",), samples=50),
    )  # fmt: skip
    return run(config, tmp_path_factory.mktemp("runs") / "a<b>")


def test_a_run_shows_its_results_and_its_plane(folder: RunFolder) -> None:
    assert repr(folder) == f"<RunFolder: {str(folder.path)!r}>"
    shown = page(folder)
    assert f"run {folder.path}" in shown.text
    assert "b" in shown.tags and "img" in shown.tags
    results = folder.results()
    accuracies = {row[0]: row[1] for row in shown.rows[1:3]}
    assert accuracies == {
        "layer-wise": f"{100 * results['layerwise'][0]['test_accuracy']:.2f}",
        "end-to-end": f"{100 * results['end_to_end'][0]['test_accuracy']:.2f}",
    }
    layers = [row[1] for row in shown.rows[4:]]
    assert layers == ["hidden1", "output"] * 2
    assert f"ln N = {results['ln_n']:.2f}" in shown.text
    flagged = "*" in "".join(cell for row in shown.rows for cell in row)
    assert flagged == ("⚠" in shown.text)


def test_a_run_that_is_not_finished_says_how_to_continue(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folder.path / "config.json").read_text())
    shown = page(RunFolder(tmp_path))
    assert f"⚠ not finished: the same call, or ibtrain resume {tmp_path}" in shown.text


def test_a_run_that_is_broken_is_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{")
    assert "⚠ " in page(RunFolder(tmp_path)).text


def test_a_result_of_a_trainer_prints_in_a_line() -> None:
    result = EndToEndTrainer(mlp(6, [4], 3), OptimConfig(epochs=1)).fit(gaussian_classes())
    assert re.fullmatch(
        r"<FitResult: end-to-end, seed 0, accuracy: train .* %; 0\.\d s>", f"{result}"
    )
