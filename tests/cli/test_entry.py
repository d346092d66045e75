"""The program's first seconds: Ctrl-C, and a working folder that is gone."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FINDER = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""
MAIN = "from ibtrain.cli.entry import main; main()"


def started(
    code: str, *arguments: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd
    )


@pytest.mark.parametrize(
    "module", ["ibtrain.cli.main", "click", "ibtrain.cli.bench", "torch", "numpy"]
)
def test_ctrl_c_while_modules_are_imported(module: str) -> None:
    done = started(FINDER.format(module=module) + MAIN, "bench", "--only", "no such case")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Error: interrupted\n")


def test_ctrl_c_between_two_imports() -> None:
    code = "import ibtrain.cli.main, os\nibtrain.cli.main.cli = lambda: os.kill(os.getpid(), 2)\n"
    done = started(code + MAIN)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Error: interrupted\n")


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    done = started(code + FINDER.format(module="click") + MAIN, "--version")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["runs"], ["compare"], ["bench", "--list"]])
def test_a_working_folder_that_is_gone_is_told(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "gone").mkdir()
    leave = "import os; os.chdir('gone'); os.rmdir('../gone')\n"
    # the module is imported before, because the tests may find it by a relative path
    code = f"import ibtrain.cli.main\n{leave}{MAIN}"
    done = started(code, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: the working folder: got a folder that can't be found (No such file or directory), "
        "expected a folder that exists\n"
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("FileNotFoundError(2, 'No usable temporary directory found')",
         "[Errno 2] No usable temporary directory found"),
        ("MemoryError()", "out of memory"),
        ("ImportError('libtorch_cpu.so: failed to map segment')",
         "a library can't be loaded: libtorch_cpu.so: failed to map segment"),
    ],
)  # fmt: skip
def test_a_failure_of_the_machine_within_a_library_is_told(error: str, message: str) -> None:
    code = f"import ibtrain.runs\ndef fail(_): raise {error}\nibtrain.runs.list_runs = fail\n"
    done = started(code + MAIN, "runs", ".")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {message}\n")


def test_a_broken_matplotlib_is_told_before_the_training(tmp_path: Path) -> None:
    words = ["compare", "--seeds", "0", "--run-dir", str(tmp_path / "run")]
    done = started("import sys\nsys.modules['matplotlib'] = None\n" + MAIN, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: matplotlib can't be imported: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
