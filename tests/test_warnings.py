"""Warnings point to the user's line, and not to one inside the package."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from commands import run

import ibtrain
from ibtrain import Dataset, InformationPlane, RunConfig, load_dataset
from ibtrain.backend.device import threads
from ibtrain.backend.openmp import discard_unusable_threads
from ibtrain.errors import IBTrainWarning, warn
from ibtrain.runs import RunFolder

PACKAGE = Path(ibtrain.__file__).parent


def headless_table(folder: Path) -> None:
    rows = [f"{index},{index % 2}\n" for index in range(20)]
    (folder / "data.csv").write_text("".join(rows))
    load_dataset(str(folder / "data.csv"), target="1")


def copies(_: Path) -> None:
    x = torch.arange(20.0).repeat(2)[:, None]
    Dataset.from_tensors(x, torch.arange(40) % 2)


def earlier_epoch(_: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    x, y = torch.randn(60, 2), torch.arange(60) % 2
    plane = InformationPlane.watch(model, (x, y), measures=["binned"])
    for epoch in (1, 0):
        plane.measure(epoch)


def too_many_threads(_: Path) -> None:
    before = torch.get_num_threads()
    with threads(20 * (os.cpu_count() or 1)):
        pass
    assert torch.get_num_threads() == before


def torn_event(folder: Path) -> None:
    (folder / "config.json").write_text(RunConfig().to_json())
    (folder / "metrics.jsonl").write_text('{"event": "a"}\n{"ev')
    list(RunFolder.open(folder).events.read())


def unusable_variable(_: Path) -> None:
    os.environ["OMP_NUM_THREADS"] = "abc"
    discard_unusable_threads()


@pytest.mark.parametrize(
    "cause",
    [headless_table, copies, earlier_epoch, too_many_threads, torn_event, unusable_variable],
)
def test_a_warning_points_to_the_line_that_called_the_package(
    cause: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.warns(IBTrainWarning) as found:
        cause(tmp_path)
    code = cause.__code__
    lines = {line for _, _, line in code.co_lines()}
    for warning in found:
        assert warning.filename == __file__
        assert warning.lineno in lines


def test_a_callback_of_the_user_within_the_package_is_the_users_line() -> None:
    def within(function: Callable[[], None]) -> None:
        function()

    # as if this function were one of the package
    namespace = {"__name__": "ibtrain.train.fit"}
    exec("def call(function): function()", namespace)
    with pytest.warns(IBTrainWarning) as found:
        within(lambda: namespace["call"](lambda: warn("something")))  # type: ignore[operator]
    assert [warning.filename for warning in found] == [__file__]


def test_no_other_place_gives_warnings() -> None:
    texts = {path.relative_to(PACKAGE): path.read_text() for path in PACKAGE.rglob("*.py")}
    places = [str(path) for path, text in texts.items() if re.search(r"warnings\.warn\(", text)]
    assert places == ["errors.py"]


def test_the_command_line_names_no_line(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,0\n2,1\n3,0\n4,1\n" * 5)
    result = run("estimate", tmp_path / "data.csv", "--x", "0", "--y", "1", "--method", "ksg")
    assert ".py" not in result.stderr
    assert result.stderr.startswith("Warning: ")
