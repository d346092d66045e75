"""Opens the folder of a run that exists."""

from pathlib import Path

from ibtrain.runs.folder import RunFolder

__all__ = ["load_run"]


def load_run(path: str | Path) -> RunFolder:
    """Opens the folder of a run: its settings, results, plane and trained networks.

    Args:
        path: The folder.

    Raises:
        RunFolderError: If there is no run.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from ibtrain import OptimConfig, PlaneConfig, RunConfig, load_dataset, run
        >>> config = RunConfig(seeds=0, end_to_end=OptimConfig(epochs=1), plane=PlaneConfig(points=0), methods=("end_to_end",))
        >>> with TemporaryDirectory() as folder:
        ...     accuracy = run(config, folder).results()["end_to_end"][0]["test_accuracy"]
        ...     load_run(folder).network(seed=0).score(load_dataset("digits").test) == accuracy
        True
    """
    return RunFolder.open(Path(path))
