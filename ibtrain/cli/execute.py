"""Executes a run for a command, with its folder, progress, pictures and table."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ibtrain.cli.interrupts import graceful, ignored, interruptible
from ibtrain.cli.sessions import TrainingSession
from ibtrain.cli.streams import echo, say, text_width
from ibtrain.config import OPTIMIZERS, CompleteOptimConfig, RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import ConfigError, IBTrainError, LostProcessError, RunFolderError
from ibtrain.io.documents import json_text
from ibtrain.io.untrusted import untrusted
from ibtrain.text import abridged, shell_word

if TYPE_CHECKING:
    from ibtrain.runs import RunFolder
    from ibtrain.runs.opened import OpenRun
    from ibtrain.runs.setup import RunSetup

__all__ = ["execute"]

MAX_SEEDS_TEXT = 40
"""Maximum number of characters of the list of seeds at the start."""


def execute(
    config: RunConfig,
    run_dir: Path | None,
    *,
    as_json: bool,
    interval: CheckpointInterval,
    workers: int = 1,
) -> None:
    """Trains or continues a run and reports its results; all settings are checked before the folder is created."""
    # imported here, so that an invalid option is reported before torch is loaded, and a broken plotting library before the
    # training
    from ibtrain.backend.exchange import from_first
    from ibtrain.backend.process_group import is_launched, process_group, rank
    from ibtrain.runs import RunFolder

    if is_launched() and workers > 1:
        raise ConfigError(f"--workers {workers}", "no --workers with torchrun", "--workers")
    with process_group():
        is_first = rank() == 0
        is_finished = from_first(
            is_first and run_dir is not None and RunFolder(run_dir).is_finished
        )
        if is_first and is_finished:
            assert run_dir is not None
            _show_finished(config, run_dir, as_json, interval)
        elif is_first:
            _train_and_report(config, run_dir, as_json, interval, workers)
        elif not is_finished:
            _help_to_train(config)


def _help_to_train(config: RunConfig) -> None:
    """Trains in a process of torchrun that is not the first one, which tells the user what happens."""
    from ibtrain.backend.process_group import rank
    from ibtrain.runs.follow import follow

    try:
        # once the first process has ended, the next exchange fails
        with ignored():
            follow(config)
    except LostProcessError as error:
        raise SystemExit(error.exit_code) from error
    except IBTrainError as error:
        if not error.met_by_all:
            say(f"Error: process {rank()} of torchrun: {error}")
        raise SystemExit(error.exit_code) from error


def _train_and_report(
    config: RunConfig,
    run_dir: Path | None,
    as_json: bool,
    interval: CheckpointInterval,
    workers: int,
) -> None:
    from ibtrain.report.finished import save_report
    from ibtrain.runs import open_run

    with (
        open_run(config, run_dir, interval) as opened,
        interruptible(_continuation(opened.folder.path)),
    ):
        folder = opened.folder
        if folder.is_finished:
            # another process finished the run in the meantime
            _show_again(folder, as_json, interval)
            return
        for line in _start_messages(opened.setup, folder.path):
            say(line)
        _train(opened, workers)
        results = _results(folder, as_json)
        save_report(folder)
        _close(folder, results, interval)


def _show_finished(
    config: RunConfig, path: Path, as_json: bool, interval: CheckpointInterval
) -> None:
    """Shows the results of a finished run, which needs neither its data set nor its device."""
    from ibtrain.runs import RunFolder

    if not os.access(path, os.W_OK):
        # the folder is on a read-only disk, or belongs to another user
        folder = RunFolder.open(path)
        folder.check_same(config)
        say(f"{_finished(path)}; its pictures are not redrawn, because its folder can't be written")
        with _untrusted(path):
            results = _results(folder, as_json)
        echo(results)
        return
    with RunFolder.claim(path, config, {}) as folder, interruptible(_continuation(path)):
        if not folder.is_finished:
            raise RunFolderError("results that were just deleted", "a finished run", str(path))
        _show_again(folder, as_json, interval)


def _show_again(folder: "RunFolder", as_json: bool, interval: CheckpointInterval) -> None:
    from ibtrain.report.finished import save_report

    with _untrusted(folder.path):
        results = _results(folder, as_json)
        save_report(folder)
    say(_finished(folder.path))
    _close(folder, results, interval)


def _continuation(path: Path) -> str:
    """The command that continues a run."""
    return f"ibtrain resume {shell_word(str(path))}"


def _finished(path: Path) -> str:
    return f"{path} is finished: nothing is left to train"


def _untrusted(path: Path) -> AbstractContextManager[None]:
    """Turns errors from the run's files, which another process wrote, into a ``RunFolderError``."""
    return untrusted("a result or an event", "what a run makes", str(path))


def _results(folder: "RunFolder", as_json: bool) -> str:
    from ibtrain.report.table import TABLE_WIDTH, results_table

    document = folder.results()
    return (
        json_text(document, str(folder.path))
        if as_json
        else results_table(document, text_width() or TABLE_WIDTH)
    )


def _close(folder: "RunFolder", results: str, interval: CheckpointInterval) -> None:
    """Prints the results, and deletes the checkpoints, which are not needed any more."""
    from ibtrain.runs.parts import clear_parts

    folder.checkpoints(interval).clear()
    clear_parts(folder)
    echo(results)
    pictures = ", ".join(sorted(path.name for path in folder.path.glob("*.png")))
    say(f"run folder: {folder.path} (open report.html in a browser; pictures: {pictures})")


def _train(opened: "OpenRun", workers: int) -> None:
    """Starts the run, or continues it from its last checkpoint, and trains until it is finished."""
    from ibtrain.runs.parts import is_in_parts, train_in_parts
    from ibtrain.train.progress import TrainingProgress

    if is_in_parts(opened, workers):
        helper = TrainingSession(is_helper=True)
        train_in_parts(opened, workers, TrainingSession(), helper_session=helper)
        return
    run = opened.load()
    if run.is_resuming:
        say(f"continuing after {run.epochs} epochs")
    progress = TrainingProgress(opened.setup.total_epochs, run.epochs, has_lines=True)
    with graceful(opened.checkpoints.stop), progress:
        opened.train(run, [progress])


def _optimizer(optim: CompleteOptimConfig) -> str:
    """The optimiser and its settings, as in ``SGD 0.1 cosine, momentum 0.9``."""
    further = [f", {name} {value:g}" for name, value in optim.used().items()]
    if optim.augment:
        further.append(f", images augmented by {', '.join(optim.augment)}")
    return (
        f"{OPTIMIZERS[optim.optimizer]} {optim.learning_rate:g} {optim.schedule}{''.join(further)}"
    )


def _start_messages(setup: "RunSetup", path: Path) -> tuple[str, ...]:
    from ibtrain.report.style import METHOD_NAMES
    from ibtrain.runs.saved import mib, saved_bytes

    config, data = setup.config, setup.data
    objective = config.objective
    # what each method trains with is in the line below
    kinds = {"layerwise": f" ({objective.name}, {objective.order})"}
    methods = " then ".join(METHOD_NAMES[m] + kinds.get(m, "") for m in config.methods)
    seeds = abridged(", ".join(map(str, config.seeds)), MAX_SEEDS_TEXT)
    optims = "; ".join(
        f"{METHOD_NAMES[method]}: {o.epochs} epoch{'s' * (o.epochs > 1)}{' a block' if method == 'layerwise' else ''}, "
        f"batch {o.batch_size or 'full'}, {_optimizer(o)}"
        for method in config.methods
        for o in [config.optim(method)]
    )
    saved = f", of which --save takes at most {mib(saved_bytes(setup))} MiB" if config.save else ""
    noise = f" (label noise {config.label_noise:g})" if config.label_noise else ""
    return (
        f"{setup.network_text} on {data.name}, {methods}, seed{'s' * (len(config.seeds) > 1)} {seeds}",
        f"{data.name}: {len(data.train)} training{noise} and {len(data.test)} test samples of "
        f"{data.dim_x} values, {data.num_classes} classes; {data.scaling_text}; "
        f"{setup.device}, {setup.threads} thread{'s' * (setup.threads > 1)}",
        optims,
        f"writing {path}" + saved,
    )
