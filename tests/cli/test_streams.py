"""Standard streams that are closed, full, broken, or of another encoding."""

import subprocess
import sys
from pathlib import Path

import pytest
from processes import CODE

pytestmark = pytest.mark.slow

QUICK = ["--seeds", "0", "--epochs", "1", "--plane-points", "0", "--hidden", "8"]
FULL = "Error: standard output can't be written: No space left on device\n"
CLOSED = "Error: standard output can't be written: Bad file descriptor\n"


def redirected(
    redirection: str, *arguments: str, encoding: str = "utf-8"
) -> subprocess.CompletedProcess[bytes]:
    """``ibtrain`` with a shell's redirection."""
    command = [
        "sh", "-c", f'exec "$@" {redirection}', "sh", "env", f"PYTHONIOENCODING={encoding}",
        sys.executable, "-c", CODE, *arguments,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "redirection",
    ["2>&-", "2>/dev/full", "<&- 2>&-"],
)
def test_training_does_without_standard_error(tmp_path: Path, redirection: str) -> None:
    path = tmp_path / "run"
    done = redirected(redirection, "train", "end-to-end", *QUICK, "--run-dir", str(path))
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"test accuracy %" in done.stdout
    assert (path / "results.json").is_file()


def test_training_does_without_a_reader_of_standard_error(tmp_path: Path) -> None:
    path = tmp_path / "run"
    command = [sys.executable, "-c", CODE, "train", "end-to-end", *QUICK, "--run-dir", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout as output:
        process.stderr.close()
        assert b"test accuracy %" in output.read()
    assert process.returncode == 0
    assert (path / "results.json").is_file()


@pytest.mark.parametrize(
    ("redirection", "message"),
    [
        (">/dev/full", FULL),
        (">&-", CLOSED),
        (">&- 2>&-", ""),
    ],
)
def test_a_result_that_cannot_be_printed_is_an_error(
    tmp_path: Path, redirection: str, message: str
) -> None:
    path = tmp_path / "run"
    done = redirected(redirection, "train", "end-to-end", *QUICK, "--json", "--run-dir", str(path))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().endswith(message)
    assert done.stderr.count(b"Error: ") == bool(message)
    assert b"Traceback" not in done.stderr
    assert (path / "results.json").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["runs", str(Path(__file__).parent)],
        ["bench", "--list"],
    ],
)
def test_any_output_that_is_lost_is_an_error(arguments: list[str], tmp_path: Path) -> None:
    for redirection, message in ((">/dev/full", FULL), (">&-", CLOSED)):
        done = redirected(redirection, *arguments)
        assert (done.returncode, done.stdout) == (1, b"")
        # what the command tells of its work may precede it
        assert done.stderr.decode().endswith(message)


def test_a_broken_pipe_ends_quietly() -> None:
    for arguments in (["--help"], ["bench", "--list"]):
        command = [sys.executable, "-c", CODE, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.close()
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (1, b"")


def test_a_mistake_keeps_its_exit_code_without_standard_error() -> None:
    for arguments in (["nonsense"], ["bench", "--only", "no such case"]):
        assert redirected("2>&-", *arguments).returncode == 2


def test_no_other_file_becomes_standard_error(tmp_path: Path) -> None:
    code = "from ibtrain.cli.streams import standard_streams as s\nwith s():\n print(open('f', 'w').fileno())"
    command = ["sh", "-c", 'exec "$@" 2>&- <&-', "sh", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert int(done.stdout) > 2


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [("ascii", b"1.00 +- 0.50"), ("koi8-r", b"1.00 +- 0.50"), ("utf-8", "1.00 ± 0.50".encode())],
)
def test_characters_that_an_encoding_lacks_are_replaced(encoding: str, printed: bytes) -> None:
    code = (
        "from ibtrain.cli.streams import echo, say, standard_streams as s\n"
        "with s(): echo('1.00 ± 0.50'), say('\\u3042')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONIOENCODING": encoding, "PATH": ""},
        capture_output=True,
        check=True,
    )
    assert done.stdout == printed + b"\n"
    assert done.stderr == (b"\\u3042\n" if encoding != "utf-8" else "\u3042\n".encode())


def test_a_pipe_in_non_blocking_mode_gets_everything() -> None:
    code = (
        "import os\nfrom ibtrain.cli.streams import echo, standard_streams as s\n"
        "os.set_blocking(1, False)\nwith s(): echo('x' * 1_000_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert len(done.stdout) == 1_000_001
