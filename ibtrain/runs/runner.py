"""Executes a run from its settings to its results."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from ibtrain.checks import MAX_WORKERS, check_integer
from ibtrain.config import RunConfig
from ibtrain.config.interval import CHECKPOINT_EVERY, CheckpointInterval
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.opened import open_run
from ibtrain.runs.parts import clear_parts, is_in_parts, train_in_parts
from ibtrain.train.callbacks import Callback

__all__ = ["run"]


def run(
    config: RunConfig,
    run_dir: Path | str | None = None,
    *,
    callbacks: Sequence[Callback] = (),
    checkpoint_every: str = CHECKPOINT_EVERY,
    workers: int = 1,
) -> RunFolder:
    """Trains and measures networks according to the settings, and writes everything into a folder.

    An interrupted run continues from its last checkpoint, with the same results as an uninterrupted one.
    A finished run is left unchanged.

    Args:
        config: The settings of the run.
        run_dir: The folder: a new one, an empty one, or that of a run with the same settings; None is
            ``runs/METHOD-DATASET-DATE-TIME``.
        callbacks: Called with every :class:`~ibtrain.train.callbacks.Event`, after the plane has measured it.
        checkpoint_every: Epochs (``"5"``) or time (``"10m"``) between two checkpoints.
        workers: Number of processes that share the trainings; ``callbacks`` sees those of this process only. A script
            that uses several needs ``if __name__ == "__main__":`` around its own code.

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
    check_integer("workers", workers, 1, MAX_WORKERS)
    interval = CheckpointInterval.parse(checkpoint_every, "checkpoint_every")
    path = Path(run_dir) if run_dir is not None else None
    with open_run(config, path, interval) as opened:
        if opened.folder.is_finished:
            pass
        elif is_in_parts(opened, workers):
            train_in_parts(opened, workers, lambda part: nullcontext(callbacks))
        else:
            opened.train(opened.load(), callbacks)
        # a process that ended before this left them
        opened.checkpoints.clear()
        clear_parts(opened.folder)
    return opened.folder
