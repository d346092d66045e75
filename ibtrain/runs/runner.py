"""A run from its settings to its results in a folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ibtrain.backend.environment import environment
from ibtrain.config import RunConfig
from ibtrain.config.interval import CHECKPOINT_EVERY, Interval
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.runs.course import Course
from ibtrain.runs.experiment import Experiment
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.weights import save_weights
from ibtrain.train.events import Listener
from ibtrain.train.stage import FitResult

__all__ = ["Run", "open_run", "run"]


class Run:
    """A run in its folder, in which no other process works.

    Args:
        experiment: Ready to start.
        folder: Claimed for this process.
        interval: Time or epochs between two checkpoints.
        surroundings: What it runs on.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        interval: Interval,
        surroundings: dict[str, Any],
    ) -> None:
        self.experiment = experiment
        self.folder = folder
        self.checkpoints: Checkpoints = folder.checkpoints(interval)
        self._surroundings = surroundings

    def resumed(self) -> Course:
        """The run as it was at its last checkpoint, or at its start.

        Raises:
            RunFolderError: If the checkpoint is of another run.
        """
        course = Course(self.experiment, self.checkpoints)
        self.folder.events.keep(course.records)
        self.folder.note_environment(self._surroundings, goes_on=course.goes_on)
        return course

    def train(self, course: Course, callbacks: Sequence[Listener] = ()) -> None:
        """Trains what is left, and writes events, weights and results.

        Args:
            course: Where the run is.
            callbacks: Called with every training event, after the plane has measured it.
        """

        def save(fit: FitResult) -> None:
            save_weights(self.folder, f"{fit.method}-seed{fit.seed}", fit.network, fit.readout)

        results = course.run(callbacks, self.folder.events.append, save)
        self.folder.write_results(results.to_dict())


@contextmanager
def open_run(config: RunConfig, run_dir: Path | None, interval: Interval) -> Iterator[Run]:
    """A run in its folder, which is this process's until the block is left.

    Everything is checked before the folder is made. Where the run is finished there already, nothing is left to
    train.

    Args:
        config: The run's settings.
        run_dir: The folder: none yet, an empty one, or that of a run with the same settings, which goes
            on; None is ``runs/METHOD-DATASET-DATE-TIME``.
        interval: Time or epochs between two checkpoints.

    Raises:
        InvalidInputError: If the settings, the data, the model or the folder can't be used.
    """
    experiment = Experiment(config)
    surroundings = environment(str(experiment.device), experiment.threads)
    with RunFolder.claim(run_dir, config, surroundings) as folder:
        yield Run(experiment, folder, interval, surroundings)


def run(
    config: RunConfig,
    run_dir: Path | str | None = None,
    *,
    callbacks: Sequence[Listener] = (),
    checkpoint_every: str = CHECKPOINT_EVERY,
) -> RunFolder:
    """Trains and measures what the settings say, and leaves everything in a folder.

    A run that was interrupted goes on from its last checkpoint, and ends as if it had not been; one that is
    finished is left as it is.

    Args:
        config: The run's settings.
        run_dir: The folder: none yet, an empty one, or that of a run with the same settings; None is
            ``runs/METHOD-DATASET-DATE-TIME``.
        callbacks: Called with every :class:`~ibtrain.train.events.Event`, after the plane has measured it.
        checkpoint_every: Epochs (``"5"``) or time (``"10m"``) between two checkpoints.

    Returns:
        The folder: ``folder.results()``, ``folder.plane_points()``.

    Raises:
        InvalidInputError: If the settings, the data, the model or the folder can't be used.
        NonFiniteError: If a training diverged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from ibtrain import OptimConfig, PlaneConfig
        >>> fast = OptimConfig(epochs=1)
        >>> config = RunConfig(seeds=(0,), layerwise=fast, end_to_end=fast, plane=PlaneConfig(points=0))
        >>> with TemporaryDirectory() as folder:
        ...     sorted(run(config, folder).results()["layerwise"][0])
        ['layers', 'seconds', 'seed', 'test_accuracy', 'train_accuracy']
    """
    interval = Interval.parse(checkpoint_every, "checkpoint_every")
    path = Path(run_dir) if run_dir is not None else None
    with open_run(config, path, interval) as opened:
        if not opened.folder.is_finished:
            opened.train(opened.resumed(), callbacks)
            opened.checkpoints.clear()
    return opened.folder
