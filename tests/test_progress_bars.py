"""Progress bars in Python: on a terminal and in a notebook, and nowhere else."""

import io
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from processes import written_to_terminal
from toys import gaussian_classes

from ibtrain import (
    EndToEndTrainer,
    LayerwiseTrainer,
    ModelConfig,
    OptimConfig,
    PlaneConfig,
    RunConfig,
    estimate,
    fit_ensemble,
    mlp,
    run,
)
from ibtrain.io.progress import is_displayed, progress_bar

QUICK = OptimConfig(epochs=2)


def train(progress: bool, folder: Path) -> None:
    data = gaussian_classes()
    LayerwiseTrainer(mlp(6, [4], 3), None, QUICK, progress=progress).fit(data)


def execute(progress: bool, folder: Path) -> None:
    config = RunConfig(
        methods=("end_to_end",), seeds=(0, 1), end_to_end=QUICK, model=ModelConfig(hidden=(4,)),
        plane=PlaneConfig(points=0),
    )  # fmt: skip
    run(config, folder / "run", progress=progress)


def estimate_classes(progress: bool, folder: Path) -> None:
    x = np.random.default_rng(0).standard_normal((600, 2))
    estimate(x, (x[:, 0] > 0).astype(int), steps=20, checkpoint_every=10, progress=progress)


ENTRIES = [
    (
        train,
        r"4/4 epochs, \S+ left  seed 0  layerwise  output \(2/2\)  epoch 2/2 .*training accuracy of its critic 0\.",
    ),
    (
        execute,
        r"4/4 epochs, \S+ left  seed 1  end-to-end  network  epoch 2/2  loss \d\.\d+  training accur",
    ),
    # three critics read a label
    (estimate_classes, r"60/60 steps, \S+ left  critic 3/3  0\.\d+ nats"),
]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for a notebook without widgets, whose standard error is no terminal."""
    shell = SimpleNamespace(kernel=object())
    stand_in: Any = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", stand_in)


@pytest.mark.parametrize(("work", "pattern"), ENTRIES)
@pytest.mark.usefixtures("notebook")
def test_a_notebook_shows_a_bar_unless_it_is_switched_off(
    work: Any, pattern: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    work(True, tmp_path / "shown")
    assert re.search(pattern, capsys.readouterr().err)
    work(False, tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("work", "_"), ENTRIES)
def test_a_pipe_or_a_file_shows_nothing(
    work: Any, _: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    work(True, tmp_path)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_terminal_shows_a_bar() -> None:
    code = "from pathlib import Path; from test_progress_bars import train; train(True, Path())"
    text = written_to_terminal(100, code)
    assert re.search(r"4/4 epochs, \S+ left  seed 0  layerwise  output", text)


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_no_stream_is_no_terminal(monkeypatch: pytest.MonkeyPatch, stream: Any) -> None:
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    assert not is_displayed()


@pytest.mark.usefixtures("notebook")
def test_networks_that_train_as_one_share_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    trainers = [EndToEndTrainer(mlp(6, [4], 3), QUICK, seed=seed) for seed in range(3)]
    fit_ensemble(trainers, gaussian_classes())
    assert "6/6 epochs" in capsys.readouterr().err


@pytest.mark.usefixtures("notebook")
def test_what_earlier_processes_have_done_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    progress_bar(5, "epochs", done=3).close()
    assert "3/5 epochs" in capsys.readouterr().err


def test_a_notebook_without_widgets_gets_a_bar_of_text_and_no_warning() -> None:
    code = (
        "import sys, types, warnings; warnings.simplefilter('always')\n"
        "sys.modules['ipywidgets'] = None\n"
        "for name in ('ipykernel', 'ipykernel.zmqshell'): sys.modules[name] = types.ModuleType(name)\n"
        "shell = types.SimpleNamespace(kernel=1)\n"
        "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=lambda: shell, __spec__=None)\n"
        "from ibtrain.io.progress import progress_bar\n"
        "bar = progress_bar(3, 'steps'); bar.update(2); bar.refresh(); bar.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2/3 steps" in done.stderr
    assert "Warning" not in done.stderr
