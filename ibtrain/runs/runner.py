"""Executes a run from its settings to its results."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ibtrain.checks import MAX_WORKERS, check_integer
from ibtrain.config import RunConfig
from ibtrain.config.interval import CHECKPOINT_EVERY, CheckpointInterval
from ibtrain.config.settings import check_config
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.opened import OpenRun, open_run
from ibtrain.runs.parts import clear_parts, is_in_parts, train_in_parts
from ibtrain.train.arguments import check_callbacks
from ibtrain.train.callbacks import CallbackLike
from ibtrain.train.progress import TrainingProgress

__all__ = ["run"]


def run(
    config: RunConfig,
    run_dir: Path | str | None = None,
    *,
    callbacks: Sequence[CallbackLike] = (),
    checkpoint_every: str = CHECKPOINT_EVERY,
    workers: int = 1,
    progress: bool = True,
) -> RunFolder:
    """Trains and measures networks according to the settings, and writes everything into a folder.

    An interrupted run continues from its last checkpoint, with the same results as an uninterrupted one.
    A finished run is left unchanged.

    Args:
        config: The settings of the run.
        run_dir: The folder: a new one, an empty one, or that of a run with the same settings; None is
            ``runs/METHOD-DATASET-DATE-TIME``.
        callbacks: Functions that are called with every :class:`~ibtrain.train.callbacks.Event`, after the plane has
            measured it, or instances of :class:`~ibtrain.train.callbacks.Callback`.
        checkpoint_every: Epochs (``"5"``) or time (``"10m"``) between two checkpoints.
        workers: Number of processes that share the trainings; ``callbacks`` sees those of this process only. A script
            that uses several needs ``if __name__ == "__main__":`` around its own code.
        progress: Whether a progress bar is shown, if there is a terminal or a notebook; with several workers it is that
            of the networks that this process trains.

    Returns:
        The run's folder; ``folder.results()`` and ``folder.plane_points()`` read its content.

    Raises:
        InvalidInputError: If the settings, the data, the model or the folder can't be used.
        NonFiniteError: If a training diverges.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from ibtrain import OptimConfig, PlaneConfig
        >>> fast = OptimConfig(epochs=1)
        >>> config = RunConfig(seeds=(0,), layerwise=fast, end_to_end=fast, plane=PlaneConfig(points=0))
        >>> with TemporaryDirectory() as folder:
        ...     sorted(run(config, folder).results()["layerwise"][0])
        ['layers', 'seconds', 'seed', 'test_accuracy', 'train_accuracy']
    """
    check_config("config", config, RunConfig)
    check_integer("workers", workers, 1, MAX_WORKERS)
    interval = CheckpointInterval.parse(checkpoint_every, "checkpoint_every")
    check_callbacks(callbacks)
    path = Path(run_dir) if run_dir is not None else None
    with open_run(config, path, interval) as opened:
        if opened.folder.is_finished:
            pass
        elif is_in_parts(opened, workers):
            train_in_parts(opened, workers, partial(_session, callbacks, progress))
        else:
            training = opened.load()
            epochs = opened.setup.total_epochs, training.epochs
            with TrainingProgress(*epochs, show=progress) as bar:
                opened.train(training, [*callbacks, bar])
        # a process that ended before this left them
        opened.checkpoints.clear()
        clear_parts(opened.folder)
    return opened.folder


@contextmanager
def _session(
    callbacks: Sequence[CallbackLike], progress: bool, part: OpenRun
) -> Iterator[Sequence[CallbackLike]]:
    """Surrounds the training of a network with its progress bar."""
    with TrainingProgress(part.setup.total_epochs, show=progress) as bar:
        yield [*callbacks, bar]
