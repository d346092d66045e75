"""Settings of a whole run: data, methods, network, training, and measurements."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ibtrain.backend.openmp import MAX_THREADS
from ibtrain.checks import (
    check_choice,
    check_flag,
    check_integer,
    check_number,
    check_sequence,
    check_share,
)
from ibtrain.config.model import ModelConfig
from ibtrain.config.objective import ObjectiveConfig
from ibtrain.config.optim import RECIPE_FIELDS, CompleteOptimConfig, OptimConfig
from ibtrain.config.plane import PlaneConfig
from ibtrain.config.settings import (
    build,
    check_config,
    check_keywords,
    choice,
    convert_fields,
    read_settings,
    toml_lines,
    with_defaults,
)
from ibtrain.errors import ConfigError
from ibtrain.io.documents import json_text

__all__ = [
    "DEVICES",
    "MAX_PATH",
    "MAX_SEEDS",
    "MAX_SIDE",
    "METHODS",
    "Method",
    "RunConfig",
    "assign",
    "check_part",
    "complete_tables",
]

Method = Literal["layerwise", "end_to_end"]
METHODS: tuple[Method, ...] = get_args(Method)
DEVICES = ("auto", "cpu", "cuda", "mps")
EVALUATION_SPLITS = ("test", "validation")
SAVED = ("weights", "activations", "gradients")
MAX_SIDE = 8192
"""Maximum height and width, in pixels, to which images are resized."""
MAX_SEEDS = 10_000
MIN_TRAIN_SAMPLES = 4
"""Minimum number of training samples."""
MAX_PATH = 10_000
"""Maximum number of characters of a data set's name or a folder's path; no system has longer paths."""


@check_keywords
@dataclass(frozen=True)
class RunConfig:
    """Settings of a whole run: data, methods, network, training, and measurements.

    Args:
        dataset: Data set: digits, szt (the 12-bit problem), mnist, fashion-mnist, kmnist, cifar10; the path of a file that
            ends in .csv, .tsv, .parquet, .npz or .mat (with another ending: ``csv:FILE`` and so on); ``folder:DIR``, images
            in DIR/train/CLASS and DIR/test/CLASS; or ``npy:DIR``, DIR/x.npy and DIR/y.npy, which may be larger than memory.
        data_root: Folder of the data sets, also for downloads; by default $IBTRAIN_DATA or ~/.cache/ibtrain.
        seeds: Random seeds; every method is trained once with each seed.
        methods: Training methods: ``layerwise``, ``end_to_end``, or both.
        model: Settings of the network, which are the same for every method.
        objective: Objective of layer-wise training.
        layerwise: Optimiser settings of layer-wise training; those that are None are the recipe's for the data set.
        end_to_end: Optimiser settings of end-to-end training; those that are None are the recipe's for the data set.
        plane: Settings of the information plane's measurement.
        validation: Share of the training samples held out as a validation split. Early stopping needs one.
        device: Device on which networks are trained and measured.
        threads: Number of CPU threads; 0 chooses it by the size of a training step.
        cuda_graphs: Record training steps as CUDA graphs, which launch faster; on CUDA only.
        save: What is saved at every point of the plane: ``weights``, ``activations`` and mean ``gradients`` of the layers in
            training.
        resize: Height and width, in pixels, of the images of ``folder:DIR`` after resizing. None keeps their size.
        target: Column of the labels in a CSV, TSV or Parquet file; by default the only one called y, target, label or
            class.
        train_share: Share of the training samples that is kept; validation and test samples stay.
        train_samples: Number of training samples that are kept, in place of a share; a smaller number is a part of a larger
            one.
        label_noise: Share of the training labels replaced by classes drawn uniformly (1 for random labels); labels of
            validation and test samples stay.
        evaluate_on: Split on which networks are evaluated and measured: ``test``, or ``validation``, which takes the place of
            the test split, so that settings can be chosen without looking at it.
        margin: Largest difference of accuracies, in percentage points, that makes no difference in practice: methods are
            equivalent if theirs is within it. By default 0.1 for mnist and 0.25 for others.
    """

    dataset: str = "digits"
    data_root: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    methods: tuple[Method, ...] = METHODS
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    layerwise: OptimConfig | None = None
    end_to_end: OptimConfig | None = None
    plane: PlaneConfig = field(default_factory=PlaneConfig)
    validation: float = 0.0
    device: str = choice("auto", DEVICES)
    threads: int = 0
    cuda_graphs: bool = False
    save: tuple[str, ...] = ()
    resize: int | None = None
    target: str | None = None
    train_share: float = 1.0
    train_samples: int | None = None
    label_noise: float = 0.0
    margin: float | None = None
    evaluate_on: str = choice("test", EVALUATION_SPLITS)

    def __post_init__(self) -> None:
        convert_fields(self)
        for name, table in TABLES.items():
            if getattr(self, name) is not None or name not in METHODS:
                check_config(name, getattr(self, name), table)
        self._check_paths()
        self._check_seeds()
        check_sequence("methods", self.methods)
        for method in self.methods:
            check_choice("methods", method, METHODS)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise ConfigError(repr(self.methods), "at least one method, and none twice", "methods")
        check_share("validation", self.validation, excluded=(1,))
        check_part(self.train_share, self.train_samples)
        check_share("label_noise", self.label_noise)
        patience = [optim.patience for optim in (self.layerwise, self.end_to_end) if optim]
        if not self.validation and any(patience):
            raise ConfigError(
                "no validation split with early stopping", "a share above 0", "validation"
            )
        check_choice("evaluate_on", self.evaluate_on, EVALUATION_SPLITS)
        if self.evaluate_on == "validation" and not self.validation:
            raise ConfigError("no validation split to evaluate on", "a share above 0", "validation")
        check_sequence("save", self.save)
        for name in self.save:
            check_choice("save", name, SAVED)
        if self.save and not self.plane.points:
            raise ConfigError("0 with save", "points at which something is saved", "plane points")
        check_choice("device", self.device, DEVICES)
        check_integer("threads", self.threads, 0, MAX_THREADS)
        check_flag("cuda_graphs", self.cuda_graphs)
        if self.cuda_graphs and self.objective.name == "renyi":
            expected = "another objective, because eigenvalues are read on the host at every step"
            raise ConfigError("true with the objective renyi", expected, "cuda_graphs")
        if self.resize is not None:
            check_integer("resize", self.resize, 1, MAX_SIDE)
        if self.margin is not None:
            check_number("margin", self.margin, above=0)

    def _check_paths(self) -> None:
        if not isinstance(self.dataset, str):
            raise ConfigError(repr(self.dataset), "a data set's name", "dataset")
        if self.data_root is not None and not isinstance(self.data_root, str):
            raise ConfigError(repr(self.data_root), "a folder's path", "data_root")
        if self.target is not None and not isinstance(self.target, str):
            raise ConfigError(repr(self.target), "a column's name", "target")
        texts = {"dataset": self.dataset, "data_root": self.data_root, "target": self.target}
        for name, text in texts.items():
            path = text or ""
            if len(path) > MAX_PATH:
                raise ConfigError(f"{len(path)} characters", f"at most {MAX_PATH}", name)

    def _check_seeds(self) -> None:
        check_sequence("seeds", self.seeds)
        if len(self.seeds) > MAX_SEEDS:
            raise ConfigError(f"{len(self.seeds)} seeds", f"at most {MAX_SEEDS}", "seeds")
        for seed in self.seeds:
            check_integer("seeds", seed, 0)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ConfigError(repr(self.seeds), "at least one seed, and none twice", "seeds")

    def optim(self, method: Method) -> CompleteOptimConfig:
        """Returns the optimiser settings of a method.

        Raises:
            ConfigError: If a recipe has still to be filled in.
        """
        optim = self.layerwise if method == "layerwise" else self.end_to_end
        values = vars(optim) if optim else dict.fromkeys(RECIPE_FIELDS)
        for name in RECIPE_FIELDS:
            if values[name] is None:
                raise ConfigError("nothing", "a value, or the recipe's", f"{method} {name}")
        return CompleteOptimConfig(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as nested dictionaries."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "config") -> "RunConfig":
        """Creates settings from nested dictionaries; missing settings keep their defaults.

        Args:
            values: The settings.
            where: The file or argument that holds the settings, for error messages.

        Raises:
            ConfigError: If a key is unknown or a value is invalid.
        """
        return build(cls, values, TABLES, where)

    @classmethod
    def read(cls, path: Path) -> "RunConfig":
        """Reads a ``.toml`` or ``.json`` file.

        Raises:
            ConfigError: If the file can't be read, or a setting is invalid.
        """
        values = read_settings(path)
        try:
            return cls.from_dict(values)
        except ConfigError as error:
            raise ConfigError(error.given, error.expected, f"{path}: {error.where}") from error

    def to_json(self) -> str:
        """Returns the settings as JSON."""
        return json_text(self.to_dict(), "config", indent=2) + "\n"

    def to_toml(self) -> str:
        """Returns the settings as TOML, without those that are None."""
        values = self.to_dict()
        tables = {key: value for key, value in values.items() if isinstance(value, dict)}
        lines = toml_lines({k: v for k, v in values.items() if k not in tables})
        for name, table in tables.items():
            lines += ["", f"[{name}]", *toml_lines(table)]
        return "\n".join(lines) + "\n"


def check_part(train_share: float, train_samples: int | None) -> None:
    """Checks the part of the training samples that is kept.

    Raises:
        ConfigError: If the share is not above 0 and at most 1, the number is below 4, or both are given.
    """
    check_share("train_share", train_share, excluded=(0,))
    if train_samples is None:
        return
    check_integer("train_samples", train_samples, MIN_TRAIN_SAMPLES)
    if train_share < 1:
        given = f"{train_samples} with a train_share of {train_share:g}"
        raise ConfigError(given, "one of the two", "train_samples")


def assign(values: dict[str, Any], settings: Mapping[str, Any], where: str) -> None:
    """Sets some of the settings in nested dictionaries.

    Args:
        values: All settings, which are changed in place.
        settings: New values by dotted name; ``optim.`` stands for the optimisers of both methods.
        where: The file or argument that holds ``values``, for error messages.

    Raises:
        ConfigError: If a table of settings is no table.
    """
    for setting, value in settings.items():
        table_name, _, key = setting.rpartition(".")
        for name in METHODS if table_name == "optim" else (table_name,):
            table = values.setdefault(name, {}) if name else values
            if not isinstance(table, dict):
                raise ConfigError(repr(table), "a table of settings", f"{where}: {name}")
            table[key] = value


TABLES: dict[str, type[Any]] = {
    "model": ModelConfig,
    "objective": ObjectiveConfig,
    "layerwise": OptimConfig,
    "end_to_end": OptimConfig,
    "plane": PlaneConfig,
}
"""Settings that are tables, with their dataclasses."""


def complete_tables(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the tables of saved settings, with what an earlier version's training did where it lacked a setting.

    Args:
        values: The settings, as nested dictionaries.
    """
    return {
        name: with_defaults(values[name], kind)
        for name, kind in TABLES.items()
        if isinstance(values.get(name), dict)
    }
