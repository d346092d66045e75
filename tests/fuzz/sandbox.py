"""Somewhere to be careless in, and what must hold there whatever is put in."""

import contextlib
import io
import json
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from click.testing import Result
from commands import run
from PIL import Image

from ibtrain.config import ModelConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import IBTrainError, InterruptedRunError
from ibtrain.mi.result import Estimate
from ibtrain.plane.point import PlanePoint
from ibtrain.runs import RunFolder
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.runs.execution import Run
from ibtrain.runs.setup import RunSetup
from ibtrain.train.checkpointer import State

SECONDS = 30
"""After which a case is taken to hang; the slowest, a film, takes about five on a busy core."""
MESSAGE = 2000
"""Characters of an error's line; a list of choices is the longest part of any."""

cases = 0
"""Tried so far in this session."""


class HangError(BaseException):
    """A case took too long; no reader's own handlers catch it."""


def config_document() -> dict[str, Any]:
    return json.loads(RunConfig().to_json())


def point_event(seed: int = 0, epoch: int = 3) -> dict[str, Any]:
    estimate = Estimate(1.0, 0.1, "mine", 3.0, ("above_ceiling",), 10, 20, 0.5)
    names = ("mi_xt", "mi_ty", "mi_hy", "mi_xt_channel", "mi_ty_channel", "mi_xt_audit")
    scalars = {"sigma": 0.5, "activation_scale": 1.0, "probe_accuracy": 0.9}
    estimates = dict.fromkeys(names, estimate)
    point = PlanePoint("layerwise", seed, "hidden1", epoch, scalars, estimates)
    return {"event": "plane", "point": point.to_dict()}


def results_document() -> dict[str, Any]:
    seed = {"seed": 0, "test_accuracy": 0.9, "train_accuracy": 1.0, "seconds": 1.0, "layers": []}
    return {"schema": 1, "dataset": "digits", "layerwise": [seed], "end_to_end": [seed, seed]}


def record_document() -> dict[str, Any]:
    return {"rows": [{"name": "a case", "seconds": {"median": 0.5}}]}


def make_run(path: Path) -> None:
    (path / "checkpoints").mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config_document()))
    (path / "results.json").write_text(json.dumps(results_document()))
    events = [point_event(epoch=epoch) for epoch in (0, 1, 3)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


TINY = RunConfig(
    dataset="npz:good.npz",
    seeds=(0,),
    model=ModelConfig(hidden=(3, 2)),
    layerwise=OptimConfig(epochs=1, batch_size=20),
    end_to_end=OptimConfig(epochs=1, batch_size=20),
    plane=PlaneConfig(points=2, samples=6, train_samples=9, critic_steps=1, batch_size=4),
    device="cpu",
    threads=1,
)
"""A run that takes no time."""


class _Interrupted(Checkpoints):
    def after_epoch(self, state: Callable[[], State]) -> None:
        self.stop(signal.SIGTERM)
        super().after_epoch(state)


def make_checkpoint(work: Path) -> None:
    """Of a run that was interrupted in its first block."""
    folder = work / "interrupted"
    folder.mkdir()
    with contextlib.chdir(work), contextlib.suppress(InterruptedRunError):
        Run(RunSetup(TINY), _Interrupted(folder, CheckpointInterval(epochs=1))).train()


def make_paused(path: Path) -> None:
    """The folder of a run that was interrupted in its second epoch of all."""
    with contextlib.chdir(path.parent):
        surroundings = {"versions": {}, "device": "cpu", "threads": 1}
        setup = RunSetup(TINY)
        with RunFolder.claim(path, setup.config, surroundings) as folder:
            folder.note_environment(surroundings, is_resuming=False)
            checkpointer = _Interrupted(path / "checkpoints", CheckpointInterval(epochs=1))
            with contextlib.suppress(InterruptedRunError):
                Run(setup, checkpointer, record=folder.events.append).train()


def make_images(path: Path) -> None:
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            folder = path / part / label
            folder.mkdir(parents=True)
            for index in range(3):
                Image.new("RGB", (6, 6), (40 * index, 0, 9)).save(folder / f"{index}.png")


def furnish(root: Path) -> None:
    """A folder to work in, and another that nothing may change."""
    work, outside = root / "work", root / "outside"
    for folder in (work / "empty", outside, root / "home"):
        folder.mkdir(parents=True)
    (outside / "precious").write_text("precious")
    make_run(work / "run")
    make_run(work / "runs" / "old")
    make_images(work / "images")
    rng = np.random.default_rng(0)
    np.savez(work / "good.npz", x=rng.standard_normal((60, 2)), y=np.arange(60) % 3)
    make_checkpoint(work)
    make_paused(work / "paused")
    (work / "bad.npz").write_bytes(b"PK\x03\x04")
    rows = "".join(f"{index / 7},{index % 3}\n" for index in range(80))
    (work / "good.csv").write_text(f"x,y\n{rows}")
    (work / "config.json").write_text(json.dumps(config_document()))
    (work / "config.toml").write_text(RunConfig().to_toml())
    (work / "record.json").write_text(json.dumps(record_document()))
    os.mkfifo(work / "pipe")
    # pictures and checkpoints of a run from elsewhere may be links to what is none of its business
    (work / "run" / "plane.png").symlink_to(outside / "precious")


class Sandbox:
    """Copies of one furnished folder, a fresh one for each case."""

    def __init__(self, template: Path) -> None:
        self.template = template

    @contextmanager
    def case(self) -> Iterator[Path]:
        """The folder to work in; afterwards nothing beside it may have changed."""
        global cases  # noqa: PLW0603 -- a count for the whole session
        cases += 1
        here = Path.cwd()
        with tempfile.TemporaryDirectory(dir=self.template.parent) as scratch:
            root = Path(scratch, "root")
            shutil.copytree(self.template, root, symlinks=True, ignore=_pipes)
            os.mkfifo(root / "work" / "pipe")
            os.chdir(root / "work")
            before = _listing(root)
            try:
                with _no_hang(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    yield root / "work"
            finally:
                os.chdir(here)
            assert _listing(root) == before


def _pipes(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "pipe"]


def _listing(root: Path) -> dict[str, bytes]:
    """Everything beside the folder to work in, with its content."""
    found = {}
    for place, folders, files in os.walk(root):
        if Path(place) == root:
            folders.remove("work")
        for name in [*folders, *files]:
            path = Path(place, name)
            found[str(path)] = path.read_bytes() if path.is_file() else b""
    return found


@contextmanager
def failing(name: str, number: int) -> Iterator[None]:
    """Has the opening of files of a name fail with an error of the system, as after a ``chmod``.

    Root may open anything, so that the modes themselves would not do.
    """
    real: Any = {"builtins.open": open, "io.open": io.open, "os.open": os.open}

    def refusing(opening: Any) -> Any:
        def wrapped(file: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(file, str | os.PathLike) and Path(file).name == name:
                raise OSError(number, os.strerror(number), str(file))
            return opening(file, *args, **kwargs)

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for place, opening in real.items():
            patch.setattr(place, refusing(opening))
        yield


@contextmanager
def _no_hang() -> Iterator[None]:
    def ring(*_: object) -> NoReturn:
        raise HangError(f"after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check_reader(reader: Callable[[], Any], *, may_fail: bool = False) -> bool:
    """Whether a reader accepted what it was given; if not, in one line and on purpose.

    Args:
        reader: What reads.
        may_fail: What was read may also be what nothing can be done with, such as NaN.
    """
    try:
        reader()
    except IBTrainError as error:
        assert error.exit_code in ((1, 2) if may_fail else (2,))
        assert len(str(error)) < MESSAGE
        return False
    return True


def check_command(*arguments: str, has_begun: bool = False) -> Result:
    """A command, which must end as the documentation says.

    Args:
        arguments: The command's words.
        has_begun: Whether it may tell of its work before an error.
    """
    result = run(*arguments)
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert result.exit_code in (0, 1, 2), result.exit_code
    assert "Traceback" not in result.stderr
    if result.exit_code == 0:
        assert not errors
    else:
        assert len(errors) == 1, result.stderr
        assert len(errors[0]) < MESSAGE
    if result.exit_code == 2 and not has_begun:
        others = [line for line in result.stderr.splitlines() if not line.startswith("Warning: ")]
        assert others == errors
    torch.set_num_threads(1)
    return result
