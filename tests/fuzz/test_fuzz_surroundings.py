"""Every command ends as documented, whatever its streams and its environment are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import CODE
from sandbox import MESSAGE, Sandbox

pytestmark = pytest.mark.slow

SECONDS = 120
COMMANDS = (
    ["--help"], ["--version"], ["nonsense"], ["compare", "--help"], ["runs", "."], ["runs", "nowhere"],
    ["bench", "--list"], ["bench", "--only", "no such case"], ["plane", "run", "-o", "p.png"],
    ["plane", "run", "run", "-o", "\udcff.svg"], ["resume", "run"], ["resume", "nowhere"],
    ["validate", "--problem", "gaussian-1", "--method", "gaussian", "-n", "100"],
    ["validate", "--problem", "gaussian-1", "--method", "gaussian", "-n", "100", "--json"],
    ["estimate", "good.npz", "--method", "gaussian", "--continuous"],
    ["train", "end-to-end", "--dataset", "npz:good.npz", "--hidden", "3", "--epochs", "1", "--seeds", "0,1",
     "--plane-points", "0", "--run-dir", "new"],
    ["resume", "interrupted", "--json"],
)  # fmt: skip
STANDARD_OUTPUT = ("", ">&-", ">/dev/full")
STANDARD_ERROR = ("", "2>&-", "2>/dev/full")
STANDARD_INPUT = ("", "<&-", "</dev/zero")
ENVIRONMENT = {
    "HOME": [None, "", "/nowhere", "relative", "/dev/null"],
    "MPLBACKEND": ["module://matplotlib_inline.backend_inline", "nonsense", "", "TkAgg"],
    "MPLCONFIGDIR": ["/dev/null", "", "relative"],
    "OMP_NUM_THREADS": ["1", "0", "abc", "-3", "99999999999999999999", "100000", "1,1", "", "²"],
    "PYTHONIOENCODING": ["ascii", "latin-1", "koi8-r", "utf-16", "ascii:strict", "cp500"],
    "LC_ALL": ["C", "POSIX", "nonsense"],
    "IBTRAIN_DATA": ["", "/dev/null", "\udcff"],
    "TMPDIR": ["/nowhere", "/dev/null", ""],
    "PATH": ["", "/nowhere"],
    "COLUMNS": ["0", "-1", "x", "99999999999999999999"],
    "TQDM_DISABLE": ["1", "x"],
    "TERM": ["dumb", ""],
    "NO_COLOR": ["1"],
    "TZ": ["nowhere", ""],
}  # fmt: skip
LEAVE = "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"


@given(
    arguments=st.sampled_from(COMMANDS),
    streams=st.tuples(*map(st.sampled_from, (STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR))),
    names=st.lists(st.sampled_from(sorted(ENVIRONMENT)), unique=True, max_size=4),
    is_gone=st.sampled_from([False, False, False, True]),
    data=st.data(),
)
def test_surroundings(
    box: Sandbox,
    arguments: list[str],
    streams: tuple[str, str, str],
    names: list[str],
    is_gone: bool,
    data: st.DataObject,
) -> None:
    values = {name: data.draw(st.sampled_from(ENVIRONMENT[name]), label=name) for name in names}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **values}
    code = "import ibtrain.cli.main\n" + LEAVE * is_gone + CODE
    command = [
        "/bin/sh", "-c", f'exec "$@" {" ".join(streams)}', "sh", sys.executable, "-c", code, *arguments,
    ]  # fmt: skip
    with box.case():
        done = subprocess.run(
            command,
            capture_output=True,
            env={name: value for name, value in environment.items() if value is not None},
            timeout=SECONDS,
            check=False,
        )
        finished = Path("new", "results.json").is_file()
    _check(done, lost=bool(streams[1]))
    if arguments[0] == "train" and not is_gone:
        assert finished


def _check(done: subprocess.CompletedProcess[bytes], *, lost: bool) -> None:
    """The command ended in an agreed way: lost output is an error, and an error is one line.

    Args:
        done: How it ended.
        lost: Whether standard output could not be written to.
    """
    assert done.returncode in (0, 1, 2), (done.returncode, done.stderr)
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    assert b"Traceback" not in done.stdout
    assert b"libgomp" not in done.stderr
    if lost:
        assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if line.startswith(b"Error: ")]
    assert len(errors) <= 1
    assert all(len(line) < MESSAGE for line in errors)
    if done.returncode == 0:
        assert not errors
