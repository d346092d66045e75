"""The progress bar on a terminal."""

import re
from pathlib import Path

import pytest
from processes import CODE, written_to_terminal

pytestmark = pytest.mark.slow

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(columns: int, *arguments: str) -> str:
    """What ``ibtrain`` writes to a terminal."""
    return ESCAPES.sub("", written_to_terminal(columns, CODE, *arguments))


@pytest.mark.parametrize("columns", [70, 80])
def test_the_time_left_is_shown_and_no_bar_stays(tmp_path: Path, columns: int) -> None:
    quick = ["--hidden", "8", "--epochs", "2", "--seeds", "0", "--plane-points", "1"]
    quick += ["--measures", "channel", "--run-dir", str(tmp_path / "run")]
    text = on_a_terminal(columns, "train", "layerwise", *quick)
    bars = [line for line in re.split(r"[\r\n]", text) if "epochs," in line]
    assert bars
    assert all(re.search(r"\d+/4 epochs, \S+ left", line) for line in bars)
    assert max(map(len, bars)) <= columns
    # what remains of a line is what follows the last return to its beginning
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    assert not any("epochs," in line for line in lines)
    first = next(index for index, line in enumerate(lines) if line.startswith("method "))
    table = [line for line in lines[first:] if not line.startswith("run folder")]
    assert max(map(len, table)) <= columns
