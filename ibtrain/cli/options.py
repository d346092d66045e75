"""The options of all training commands, and the settings that result from them."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from ibtrain.checks import MAX_WORKERS
from ibtrain.cli.declared import declaration, keywords
from ibtrain.config import METHODS, Method, RunConfig, read_settings
from ibtrain.config.interval import CHECKPOINT_EVERY, CheckpointInterval
from ibtrain.config.recipes import VALIDATION_SHARE, plane_recipe, with_recipes
from ibtrain.config.run import TABLES, assign
from ibtrain.errors import ConfigError
from ibtrain.text import hint

__all__ = [
    "SETTINGS",
    "execution_options",
    "run_config",
    "setting_of",
    "settings_of",
    "training_options",
]

F = TypeVar("F", bound=Callable[..., Any])


class IntervalType(click.ParamType[CheckpointInterval]):
    """Epochs, such as ``5``, or a time, such as ``10m``."""

    name = "EPOCHS|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return (
            CheckpointInterval.parse(value, "--checkpoint-every")
            if isinstance(value, str)
            else value
        )


SETTINGS = {
    "--dataset": "dataset",
    "--data-root": "data_root",
    "--train-share": "train_share",
    "--train-samples": "train_samples",
    "--label-noise": "label_noise",
    "--resize": "resize",
    "--target": "target",
    "--model": "model.kind",
    "--hidden": "model.hidden",
    "--channels": "model.channels",
    "--activation": "model.activation",
    "--dropout": "model.dropout",
    "--input-dropout": "model.input_dropout",
    "--model-noise": "model.noise_std",
    "--epochs": "optim.epochs",
    "--batch-size": "optim.batch_size",
    "--optimizer": "optim.optimizer",
    "--learning-rate": "optim.learning_rate",
    "--schedule": "optim.schedule",
    "--momentum": "optim.momentum",
    "--weight-decay": "optim.weight_decay",
    "--label-smoothing": "optim.label_smoothing",
    "--weight-averaging": "optim.weight_averaging",
    "--augment": "optim.augment",
    "--patience": "optim.patience",
    "--validation": "validation",
    "--evaluate-on": "evaluate_on",
    "--seeds": "seeds",
    "--margin": "margin",
    "--objective": "objective.name",
    "--order": "objective.order",
    "--beta": "objective.beta",
    "--same-class": "objective.same_class",
    "--similarity": "objective.similarity",
    "--noise-std": "objective.noise_std",
    "--noise-scale": "objective.noise_scale",
    "--predict-from": "objective.predict_from",
    "--readout": "objective.readout",
    "--average-scores": "objective.average_scores",
    "--critic-width": "objective.critic_width",
    "--on-nonfinite": "optim.on_nonfinite",
    "--precision": "optim.precision",
    "--plane-points": "plane.points",
    "--plane-epochs": "plane.epochs",
    "--plane-every": "plane.every",
    "--points-per-epoch": "plane.points_per_epoch",
    "--plane-on": "plane.on",
    "--plane-samples": "plane.samples",
    "--plane-noise": "plane.noise_std",
    "--plane-noise-scale": "plane.noise_scale",
    "--measures": "plane.measures",
    "--num-bins": "plane.num_bins",
    "--bin-range": "plane.bin_range",
    "--bin-size": "plane.bin_size",
    "--bin-rule": "plane.bin_rule",
    "--kde-noise": "plane.kde_noise",
    "--components": "plane.components",
    "--dropout-alpha": "plane.dropout_alpha",
    "--quantise-bits": "plane.quantise_bits",
    "--critic-steps": "plane.critic_steps",
    "--label-critic-steps": "plane.label_critic_steps",
    "--audit-every": "plane.audit_every",
    "--unit": "plane.unit",
    "--save": "save",
    "--device": "device",
    "--threads": "threads",
    "--cuda-graphs": "cuda_graphs",
}
"""Dotted name of the setting of each option; an option that is not given does not change its setting."""


ALIASES = {"--learning-rate": ("--lr",)}
"""Other names of options."""
_SETTING_NAMES = {
    f"{table}.{field.name}" for table, kind in TABLES.items() for field in fields(kind)
}
"""Dotted names of all settings in tables."""


def setting_of(word: str) -> str:
    """Returns the dotted name of a setting, for the name of its option, with or without dashes, or the dotted name itself.

    Raises:
        ConfigError: If there is no such setting.
    """
    flags = {
        flag.removeprefix("--"): setting
        for name, setting in SETTINGS.items()
        for flag in (name, *ALIASES.get(name, ()))
    }
    name = word.removeprefix("--").replace("_", "-")
    if word in flags.values() or word in _SETTING_NAMES:
        return word
    if name not in flags:
        expected = f"the name of a training option, such as beta{hint(name, flags)}"
        raise ConfigError(repr(word), expected, "setting")
    return flags[name]


def settings_of(word: str) -> list[str]:
    """Returns the dotted names for the name of an option: one, or that of each method for an option of the optimiser.

    Raises:
        ConfigError: If there is no such setting.
    """
    setting = setting_of(word)
    table, _, key = setting.rpartition(".")
    return [f"{method}.{key}" for method in METHODS] if table == "optim" else [setting]


def training_options(command: F) -> F:
    """Adds every training option to a command.

    The command receives ``settings``, the values of the given options by dotted name, and the arguments of
    :func:`~ibtrain.cli.execute.execute`.
    """

    def wrapper(**arguments: Any) -> Any:
        values = {name: arguments.pop(_identifier(name)) for name in SETTINGS.values()}
        settings = {name: value for name, value in values.items() if value is not None}
        return command(settings=settings, **arguments)

    wrapper.__doc__ = command.__doc__
    wrapped: Any = execution_options(wrapper)
    extra = (
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Settings in TOML or JSON, as in a run's config.json; options override them.",
        ),
        click.option(
            "--run-dir",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="The run's folder.  [runs/...]",
        ),
    )
    options = [
        click.option(
            declaration(name, flag), *ALIASES.get(flag, ()), _identifier(name), **keywords(name)
        )
        for flag, name in SETTINGS.items()
    ]
    for option in reversed([*options, *extra]):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def execution_options(command: F) -> F:
    """Adds the options of all commands that train, which are not settings of the run."""
    json_option = click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print only results.json to stdout.",
    )
    interval_option = click.option(
        "--checkpoint-every",
        "interval",
        type=IntervalType(),
        default=CHECKPOINT_EVERY,
        show_default=True,
        help="Epochs (5) or time (30s, 10m) between checkpoints; each block also ends with one.",
    )
    workers_option = click.option(
        "--workers",
        type=click.IntRange(1, MAX_WORKERS),
        default=1,
        show_default=True,
        metavar="N",
        help="Processes that share the networks (seeds and methods), with one thread each.",
    )
    return interval_option(json_option(workers_option(command)))


def _identifier(setting: str) -> str:
    return setting.replace(".", "_")


def run_config(
    settings: Mapping[str, Any], config_file: Path | None, methods: tuple[Method, ...]
) -> RunConfig:
    """Combines the settings of a run: the recipes, then the file, then the options.

    The optimisers' recipes for a data set in a file follow when its samples are counted.

    Raises:
        ConfigError: If a setting is unknown or out of its range.
    """
    values = read_settings(config_file) if config_file else {}
    return combined_config(values, settings, str(config_file or "config"), methods)


def combined_config(
    values: dict[str, Any],
    settings: Mapping[str, Any],
    where: str,
    methods: tuple[Method, ...],
    *,
    has_recipes: bool = True,
) -> RunConfig:
    """Combines the recipes of the methods, the values of a file, and settings by dotted name.

    Args:
        values: Nested settings, which are changed.
        settings: Settings by dotted name; ``optim.`` stands for both methods.
        where: The file, for error messages.
        methods: Methods of the run, unless ``settings`` has others.
        has_recipes: Whether the recipes are filled in; otherwise, what they would set stays None.

    Raises:
        ConfigError: If a setting is unknown or out of its range.
    """
    dataset = settings.get("dataset", values.get("dataset", "digits"))
    defaults_of: dict[str, dict[str, Any]] = {
        **{str(method): {} for method in METHODS},
        "plane": vars(plane_recipe(str(dataset))),
    }
    for name, defaults in defaults_of.items():
        table = values.get(name)
        # in the configuration of a run from Python, null stands for the recipe
        table = {} if table is None else table
        if not isinstance(table, dict):
            raise ConfigError(repr(table), "a table of settings", f"{where}: {name}")
        values[name] = {**defaults, **table}
    values["methods"] = list(methods)
    assign(values, settings, where)
    stops_early = any(values[method].get("patience") for method in METHODS)
    if stops_early and "validation" not in settings and not values.get("validation"):
        values["validation"] = VALIDATION_SHARE
    config = RunConfig.from_dict(values, where)
    return with_recipes(config) if has_recipes else config
