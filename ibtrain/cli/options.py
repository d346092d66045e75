"""The options that every training command takes, and the settings that they make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ibtrain.cli.declared import keywords
from ibtrain.config import METHODS, Method, OptimConfig, PlaneConfig, RunConfig, read_settings
from ibtrain.config.interval import CHECKPOINT_EVERY, CheckpointInterval
from ibtrain.config.recipes import VALIDATION_SHARE, plane_recipe, recipe
from ibtrain.errors import ConfigError

__all__ = ["execution_options", "run_config", "training_options"]

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


_PLACES = {
    "--dataset": "dataset",
    "--data-root": "data_root",
    "--resize": "resize",
    "--model": "model.kind",
    "--hidden": "model.hidden",
    "--channels": "model.channels",
    "--activation": "model.activation",
    "--epochs": "optim.epochs",
    "--batch-size": "optim.batch_size",
    "--learning-rate": "optim.learning_rate",
    "--schedule": "optim.schedule",
    "--patience": "optim.patience",
    "--validation": "validation",
    "--seeds": "seeds",
    "--objective": "objective.name",
    "--order": "objective.order",
    "--beta": "objective.beta",
    "--noise-std": "objective.noise_std",
    "--noise-scale": "objective.noise_scale",
    "--predict-from": "objective.predict_from",
    "--readout": "objective.readout",
    "--on-nonfinite": "optim.on_nonfinite",
    "--precision": "optim.precision",
    "--plane-points": "plane.points",
    "--plane-samples": "plane.samples",
    "--measures": "plane.measures",
    "--audit-every": "plane.audit_every",
    "--device": "device",
    "--threads": "threads",
    "--cuda-graphs": "cuda_graphs",
}
"""Each option's place in the settings; unset options leave the setting alone."""


def training_options(command: F) -> F:
    """Adds every training option; the command receives those that were set, by dotted place.

    The others, by the names that :func:`~ibtrain.cli.execute.execute` has for them.
    """

    def gathered(**arguments: Any) -> Any:
        settings = {place: arguments.pop(_identifier(place)) for place in _PLACES.values()}
        given = {place: value for place, value in settings.items() if value is not None}
        return command(settings=given, **arguments)

    gathered.__doc__ = command.__doc__
    wrapped: Any = execution_options(gathered)
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
        click.option(flag, _identifier(place), **keywords(place)) for flag, place in _PLACES.items()
    ]
    for option in reversed([*options, *extra]):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def execution_options(command: F) -> F:
    """Adds what every command that trains can be asked for besides its settings."""
    printing = click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print results.json to stdout, and nothing else there.",
    )
    keeping = click.option(
        "--checkpoint-every",
        "interval",
        type=IntervalType(),
        default=CHECKPOINT_EVERY,
        show_default=True,
        help="Checkpoints after so many epochs (5) or so long (30s, 10m); after each block always.",
    )
    return keeping(printing(command))


def _identifier(place: str) -> str:
    return place.replace(".", "_")


def run_config(
    settings: dict[str, Any], config_file: Path | None, methods: tuple[Method, ...]
) -> RunConfig:
    """The run's settings: each method's recipe, then the file, then the options.

    Raises:
        ConfigError: Something is unknown or out of its range.
    """
    values = read_settings(config_file) if config_file else {}
    dataset = settings.get("dataset", values.get("dataset", "digits"))
    recipes = {str(method): recipe(method, str(dataset)) for method in METHODS}
    defaults_of: dict[str, OptimConfig | PlaneConfig] = {
        **recipes,
        "plane": plane_recipe(str(dataset)),
    }
    for name, defaults in defaults_of.items():
        table = values.get(name)
        # a run that was configured in Python may have left its recipes open
        table = {} if table is None else table
        if not isinstance(table, dict):
            raise ConfigError(repr(table), "a table of settings", f"{config_file}: {name}")
        values[name] = {**vars(defaults), **table}
    values["methods"] = list(methods)
    for place, value in settings.items():
        table_name, _, key = place.rpartition(".")
        tables = METHODS if table_name == "optim" else (table_name,)
        for name in tables:
            table = values.setdefault(name, {}) if name else values
            if not isinstance(table, dict):
                raise ConfigError(repr(table), "a table of settings", f"{config_file}: {name}")
            table[key] = value
    stops_early = any(values[method].get("patience") for method in METHODS)
    if stops_early and "validation" not in settings and not values.get("validation"):
        values["validation"] = VALIDATION_SHARE
    return RunConfig.from_dict(values, str(config_file or "config"))
