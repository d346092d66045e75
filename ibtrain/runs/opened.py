"""A run in its folder, which one process has locked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ibtrain.backend.environment import environment
from ibtrain.backend.exchange import wait_for_first
from ibtrain.config import RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.runs.execution import Run
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.saved import Saver, check_disk, saved_bytes
from ibtrain.runs.setup import RunSetup
from ibtrain.runs.weights import save_weights
from ibtrain.train.callbacks import CallbackLike

__all__ = ["OpenRun", "open_run"]


class OpenRun:
    """A run in a folder that this process has locked.

    Args:
        setup: Data, model, trainers and plane.
        folder: The folder, locked for this process.
        interval: Time or epochs between two checkpoints.
    """

    def __init__(self, setup: RunSetup, folder: RunFolder, interval: CheckpointInterval) -> None:
        self.setup = setup
        self.folder = folder
        self.checkpoints = folder.checkpoints(interval)

    def load(self) -> Run:
        """Returns the run at its last checkpoint, or at its start; its records go to the folder.

        Raises:
            RunFolderError: If the checkpoint belongs to another run.
        """
        run = Run(
            self.setup,
            self.checkpoints,
            record=self.folder.events.append,
            on_fit=partial(save_weights, self.folder),
        )
        self.folder.events.keep(run.records)
        versions = environment(str(self.setup.device), self.setup.threads)
        self.folder.note_environment(versions, is_resuming=run.is_resuming)
        return run

    def train(self, run: Run, callbacks: Sequence[CallbackLike] = ()) -> None:
        """Executes the remaining trainings, and writes the results.

        Args:
            run: The loaded run.
            callbacks: Called with every training event, after the plane has measured it.
        """
        savers = [Saver(self.setup, self.folder)] if self.setup.config.save else []
        self.folder.write_results(run.train([*savers, *callbacks]).to_dict())


@contextmanager
def open_run(
    config: RunConfig, run_dir: Path | None, interval: CheckpointInterval
) -> Iterator[OpenRun]:
    """Opens a run in its folder, which is locked for this process until the block is left.

    All settings are checked before the folder is created. The run may be finished already.

    Args:
        config: The settings of the run.
        run_dir: The folder: a new one, an empty one, or that of a run with the same settings, which
            continues; None is ``runs/METHOD-DATASET-DATE-TIME``.
        interval: Time or epochs between two checkpoints.

    Raises:
        InvalidInputError: If the settings, the data, the model or the folder can't be used.
    """
    setup = RunSetup(config)
    # the processes that only help to train read what this one has downloaded
    wait_for_first()
    setup.share_data()
    check_disk(run_dir or Path("runs"), saved_bytes(setup))
    versions = environment(str(setup.device), setup.threads)
    with RunFolder.claim(run_dir, setup.config, versions) as folder:
        yield OpenRun(setup, folder, interval)
