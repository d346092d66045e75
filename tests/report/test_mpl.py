"""Pictures, whatever matplotlib is told by its environment."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import run
from processes import CODE

from ibtrain.data.load import default_data_root

pytestmark = pytest.mark.slow

INLINE = "module://matplotlib_inline.backend_inline"
ABSENT = "module://notebook_of_another_environment.backend_inline"
MISSING = "nonsense"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    quick = ["--hidden", "8", "--epochs", "1", "--seeds", "0", "--plane-samples", "50"]
    assert run("train", "end-to-end", *quick, "--run-dir", path).exit_code == 0
    return path


def drawn(
    folder: Path, output: Path, code: str = CODE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """``ibtrain plane`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, "plane", str(folder), "-o", str(output)],
        capture_output=True, text=True, env={**os.environ, **environment}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "environment",
    [
        {"MPLBACKEND": ABSENT},
        {"MPLBACKEND": INLINE},
        {"MPLBACKEND": "nonsense"},
        {"MPLBACKEND": "TkAgg"},
        {"MPLCONFIGDIR": "/dev/null"},
    ],
)
def test_pictures_do_not_depend_on_the_environment(
    finished: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    done = drawn(finished, tmp_path / "plane.png", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "plane.png").read_bytes() == (finished / "plane.png").read_bytes()


def test_pictures_do_not_depend_on_the_users_settings(finished: Path, tmp_path: Path) -> None:
    settings = tmp_path / "matplotlibrc"
    settings.write_text(
        "text.usetex: True\nsavefig.dpi: 10\nsavefig.bbox: tight\nfont.family: None\n"
    )
    done = drawn(finished, tmp_path / "plane.png", MATPLOTLIBRC=str(settings))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "plane.png").read_bytes() == (finished / "plane.png").read_bytes()


def test_a_machine_without_a_writable_folder_is_told(finished: Path, tmp_path: Path) -> None:
    code = "import tempfile\ndef fail(**_): raise OSError\ntempfile.mkdtemp = fail\n" + CODE
    done = drawn(finished, tmp_path / "plane.png", code, MPLCONFIGDIR="/dev/null")
    assert (done.returncode, done.stdout) == (1, "")
    message = "Error: matplotlib can't be imported: Matplotlib requires access to a writable"
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("before", "backend"),
    [("", "svg"), ("import matplotlib; matplotlib.use('pdf')", "pdf"), ("", MISSING)],
)
def test_the_users_backend_stays(before: str, backend: str) -> None:
    code = (
        f"import os\n{before}\nimport ibtrain.report.style, matplotlib\n"
        "print(matplotlib.rcParams._get_backend_or_none(), os.environ['MPLBACKEND'])"
    )
    environment = {**os.environ, "MPLBACKEND": MISSING if backend == MISSING else "svg"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    expected = "None" if backend == MISSING else backend
    assert done.stdout.split() == [expected, environment["MPLBACKEND"]]


def test_a_user_without_a_home_has_data_sets_in_the_working_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("IBTRAIN_DATA", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert default_data_root() == Path(".cache", "ibtrain")


@pytest.mark.parametrize("backend", [ABSENT, MISSING])
def test_every_command_that_draws_works_in_the_environment_of_a_notebook(
    tmp_path: Path, backend: str
) -> None:
    samples = tmp_path / "samples.npz"
    x, noise = np.random.default_rng(0).standard_normal((2, 300))
    np.savez(samples, x=x, y=x + noise)
    run_dir = str(tmp_path / "run")
    quick = ["--hidden", "8", "--epochs", "1", "--seeds", "0", "--plane-samples", "50"]
    for arguments in (
        ["compare", *quick, "--run-dir", run_dir],
        ["plane", run_dir, "-o", str(tmp_path / "plane.gif")],
        ["estimate", str(samples), "--set", "steps=50", "--curve", str(tmp_path / "curve.png")],
    ):
        done = subprocess.run(
            [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True,
            env={**os.environ, "MPLBACKEND": backend}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("before", "backend", "shown"),
    [
        ("", "agg", 0),
        ("import matplotlib.pyplot", "agg", 1),
        ("import matplotlib.pyplot", ABSENT, 0),
    ],
)
def test_a_plane_belongs_to_pyplot_where_pyplot_is_in_use(
    before: str, backend: str, shown: int
) -> None:
    code = (
        f"{before}\nimport sys, torch\nfrom ibtrain import measure\n"
        "x = torch.randn(64, 5)\n"
        "axis = measure(torch.nn.Sequential(torch.nn.Linear(5, 4)), (x, (x[:, 0] > 0).long())).plot()\n"
        "pyplot = sys.modules.get('matplotlib.pyplot')\n"
        "print(len(pyplot.get_fignums()) if pyplot else 0, axis.get_title())"
    )
    environment = {**os.environ, "MPLBACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{shown} exact for these N samples")
