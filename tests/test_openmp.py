"""The threads that the environment asks for."""

import os
import subprocess
import sys

import pytest
from processes import CODE

from ibtrain.backend.device import choose_threads
from ibtrain.backend.openmp import discard_unusable_threads
from ibtrain.errors import IBTrainWarning

UNUSABLE = [
    "99999999999999999999",
    "0",
    "abc",
    "-3",
    "100000",
    "1025",
    "",
    "²",
    "٣",
    "1e3",
    "9" * 5000,
]


@pytest.mark.parametrize(
    ("text", "count"), [("1", 1), ("3", 3), (" 7 ", 7), ("1024", 1024), ("4,2", 4)]
)
def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, text: str, count: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    discard_unusable_threads()
    assert os.environ["OMP_NUM_THREADS"] == text
    assert choose_threads(1, 1) == count


@pytest.mark.parametrize("text", UNUSABLE)
def test_a_number_that_cannot_be_used_is_discarded(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert choose_threads(1, 1) == 1
    with pytest.warns(IBTrainWarning) as warned:
        discard_unusable_threads()
    (warning,) = warned
    expected = "expected a whole number from 1 to 1024; it is ignored"
    assert str(warning.message) == str(IBTrainWarning(f"OMP_NUM_THREADS: got {text!r}, {expected}"))
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["99999999999999999999", *(pytest.param(t, marks=pytest.mark.slow) for t in ("abc", "100000"))],
)
def test_a_command_says_so_in_one_line(text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, "bench", "--list", "--only", "tracking"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": text},
        check=True,
    )
    assert done.stderr.startswith(f"Warning: OMP_NUM_THREADS: got {text!r}, expected")
    assert done.stderr.count("\n") == 1
