"""Sweeps: runs whose settings are all combinations of some values."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ibtrain.checks import MAX_WORKERS, check_engine, check_integer
from ibtrain.config import METHODS, RunConfig
from ibtrain.config.interval import CHECKPOINT_EVERY, CheckpointInterval
from ibtrain.config.run import assign
from ibtrain.errors import ConfigError, IBTrainError
from ibtrain.runs.cells import Session, silent, train_together
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.places import make_folder
from ibtrain.runs.sampling import grid
from ibtrain.text import setting_text

__all__ = ["MAX_CELLS", "cell_name", "combinations", "sweep", "train_cells"]

MAX_CELLS = 10_000
MAX_NAME = 120
"""Maximum number of characters of a cell's folder; longer names end with a hash."""


def sweep(
    config: RunConfig,
    vary: Mapping[str, Sequence[Any]],
    folder: Path | str,
    *,
    workers: int = 1,
    engine: str = "local",
    checkpoint_every: str = CHECKPOINT_EVERY,
) -> list[RunFolder]:
    """Trains a run for every combination of some settings; each is an ordinary run in a folder of its own.

    Finished runs are left as they are, and interrupted ones continue, so that the same call, or one with further values,
    trains what is missing.

    Args:
        config: The settings that all runs share.
        vary: Values of the settings that vary, by dotted name, such as ``objective.beta``; ``optim.`` stands for both
            methods.
        folder: Folder of the runs' folders, such as ``beta=0.001,learning_rate=0.01``.
        workers: Number of processes that share the runs. A script that uses several needs
            ``if __name__ == "__main__":`` around its own code.
        engine: Where they run: ``local``, on this machine, or ``ray``, on a Ray cluster whose machines share the folder.
        checkpoint_every: Epochs (``"5"``) or time (``"10m"``) between two checkpoints.

    Returns:
        The runs' folders, in the order of the combinations.

    Raises:
        InvalidInputError: If a setting or a folder can't be used.
        IBTrainError: If a run failed, or its settings do not fit the data or the network; the others are finished before.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from ibtrain import OptimConfig, PlaneConfig
        >>> config = RunConfig(seeds=(0,), methods=("layerwise",), plane=PlaneConfig(points=0))
        >>> vary = {"layerwise.epochs": [1], "objective.beta": [(0.0,), (0.01,)]}
        >>> with TemporaryDirectory() as folder:
        ...     [run.path.name for run in sweep(config, vary, folder)]
        ['epochs=1,beta=0.0', 'epochs=1,beta=0.01']
    """
    check_integer("workers", workers, 1, MAX_WORKERS)
    check_engine(engine, workers)
    interval = CheckpointInterval.parse(checkpoint_every, "checkpoint_every")
    configs = {}
    for settings in combinations(vary):
        values = config.to_dict()
        for method in METHODS:
            values[method] = values[method] or {}
        assign(values, settings, "vary")
        configs[cell_name(settings)] = RunConfig.from_dict(values, "vary")
    root = Path(folder)
    failed = train_cells(configs, root, interval, workers, engine=engine)
    if failed:
        raise IBTrainError("; ".join(f"{name}: {message}" for name, message in failed.items()))
    return [RunFolder(root / name) for name in configs]


def combinations(vary: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Returns every combination of values, by the name of their setting; the last setting varies fastest.

    Raises:
        ConfigError: If a setting has no value or one twice, or if there are too many combinations.
    """
    count = 1
    for name, values in vary.items():
        if not isinstance(values, list | tuple) or not values:
            raise ConfigError(repr(values), "a list of at least one value", f"vary {name}")
        if any(value in values[:index] for index, value in enumerate(values)):
            raise ConfigError(setting_text(values), "no value twice", f"vary {name}")
        count *= len(values)
    if count > MAX_CELLS:
        raise ConfigError(f"{count} combinations", f"at most {MAX_CELLS}", "vary")
    return list(grid(vary))


def cell_name(settings: Mapping[str, Any]) -> str:
    """Returns the name of a run's folder: its settings, as in ``beta=0.001,hidden=500-256``."""
    keys = [name.rpartition(".")[2] for name in settings]
    names = keys if len(set(keys)) == len(keys) else list(settings)
    pairs = zip(names, settings.values(), strict=True)
    text = ",".join(f"{name}={_value_name(value)}" for name, value in pairs) or "base"
    name = re.sub(r"[^\w.=,+-]", "_", text)
    if len(name) <= MAX_NAME and name == text:
        return name
    # what was replaced or left out may be all that tells two runs apart
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    return f"{name[: MAX_NAME - 9]}-{digest}"


def _value_name(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "-".join(map(_value_name, value)) or "auto"
    return str(value)


def train_cells(
    configs: Mapping[str, RunConfig],
    root: Path,
    interval: CheckpointInterval,
    workers: int = 1,
    session: Session = silent,
    *,
    helper_session: Session = silent,
    engine: str = "local",
) -> dict[str, str]:
    """Trains the runs of a sweep that are not finished, in one process or in several.

    Args:
        configs: Settings of each run, by the name of its folder.
        root: Folder of the sweep.
        interval: Time or epochs between two checkpoints.
        workers: Number of processes.
        session: Surrounds each training of this process.
        helper_session: Surrounds each training of the other processes.
        engine: Where the other processes run: ``local``, on this machine, or ``ray``, on a Ray cluster.

    Returns:
        The message of each run that failed, by its name.

    Raises:
        RunFolderError: If an existing run has other settings, before anything is trained.
    """
    make_folder(root)
    paths = {root / name: config for name, config in configs.items()}
    for path, config in paths.items():
        if (path / "config.json").exists():
            RunFolder.open(path).check_same(config)
    failed = train_together(
        paths, interval, workers, session, helper_session=helper_session, engine=engine
    )
    return {path.name: message for path, message in failed.items()}
