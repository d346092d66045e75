"""The options that every training command takes, and the settings that they make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ibtrain.config import (
    ACTIVATIONS,
    DEVICES,
    MEASURES,
    METHODS,
    MODEL_KINDS,
    NOISE_SCALES,
    OBJECTIVES,
    ON_NONFINITE,
    ORDERS,
    PRECISIONS,
    PREDICT_FROM,
    READOUTS,
    SCHEDULES,
    Method,
    OptimConfig,
    PlaneConfig,
    RunConfig,
    read_settings,
)
from ibtrain.errors import ConfigError
from ibtrain.interval import Interval
from ibtrain.recipes import plane_recipe, recipe

__all__ = ["execution_options", "run_config", "training_options"]

F = TypeVar("F", bound=Callable[..., Any])
VALIDATION_SHARE = 0.1
"""Held out where early stopping needs a validation split and no share was named."""


class Numbers(click.ParamType[tuple[float, ...]]):
    """Comma-separated numbers, such as ``500,256``."""

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind
        self.name = "INT,..." if kind is int else "FLOAT,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(self.kind(part) for part in value.split(","))
        except ValueError:
            kind = "whole numbers" if self.kind is int else "numbers"
            self.fail(f"got {value!r}, expected {kind} separated by commas", param, ctx)


class Words(click.ParamType[tuple[str, ...]]):
    """Comma-separated words, such as ``channel,probe``."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value


class Every(click.ParamType[Interval]):
    """Epochs, such as ``5``, or a time, such as ``10m``."""

    name = "EPOCHS|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return Interval.parse(value, "--checkpoint-every") if isinstance(value, str) else value


_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "--dataset",
        "dataset",
        {
            "help": "digits, mnist, fashion-mnist, kmnist, cifar10, folder:DIR or npz:FILE.  [digits]"
        },
    ),
    (
        "--data-root",
        "data_root",
        {
            "metavar": "DIR",
            "help": "Where data sets are, or are downloaded to.  [$IBTRAIN_DATA or ~/.cache/ibtrain]",
        },
    ),
    (
        "--resize",
        "resize",
        {
            "type": int,
            "help": "Height and width in pixels that the images of folder:DIR are resized to.  [none]",
        },
    ),
    ("--model", "model.kind", {"type": click.Choice(MODEL_KINDS), "help": "The network.  [mlp]"}),
    (
        "--hidden",
        "model.hidden",
        {"type": Numbers(int), "help": "Widths of the linear hidden layers.  [500,256]"},
    ),
    (
        "--channels",
        "model.channels",
        {"type": Numbers(int), "help": "Channels of the convolutional blocks.  [32,64]"},
    ),
    ("--activation", "model.activation", {"type": click.Choice(ACTIVATIONS), "help": "[relu]"}),
    (
        "--epochs",
        "optim.epochs",
        {
            "type": int,
            "help": "Epochs, for each block where training is layer-wise.  [10; digits 20]",
        },
    ),
    (
        "--batch-size",
        "optim.batch_size",
        {"type": int, "help": "Samples per training step.  [128; digits end to end 64]"},
    ),
    (
        "--learning-rate",
        "optim.learning_rate",
        {
            "type": float,
            "help": "Adam's step size at the start.  [layer-wise 0.001, digits 0.003; end to end 0.002, digits 0.001]",
        },
    ),
    (
        "--schedule",
        "optim.schedule",
        {
            "type": click.Choice(SCHEDULES),
            "help": "Schedule of the learning rate.  [layer-wise constant; end to end cosine]",
        },
    ),
    (
        "--patience",
        "optim.patience",
        {
            "type": int,
            "help": "Stop after so many epochs without a better validation accuracy.  [0: never]",
        },
    ),
    (
        "--validation",
        "validation",
        {
            "type": float,
            "help": "Share of the training samples held out.  [0, or 0.1 with --patience]",
        },
    ),
    (
        "--seeds",
        "seeds",
        {"type": Numbers(int), "help": "Every method is trained once with each seed.  [0,1,2]"},
    ),
    (
        "--objective",
        "objective.name",
        {
            "metavar": "NAME",
            "help": f"What the hidden blocks optimise: {' or '.join(OBJECTIVES)}.  [ib]",
        },
    ),
    (
        "--order",
        "objective.order",
        {
            "type": click.Choice(tuple(ORDERS)),
            "help": "Blocks train one after another, or all at every batch, with gradients that stay within blocks or cross (joint).  [sequential]",
        },
    ),
    (
        "--beta",
        "objective.beta",
        {
            "type": Numbers(float),
            "help": "Weight of the compression term; one number, or one for each block.  [0.0001]",
        },
    ),
    (
        "--on-nonfinite",
        "optim.on_nonfinite",
        {
            "type": click.Choice(ON_NONFINITE),
            "help": "At a NaN or infinity in the loss, a bound or a gradient: stop, or skip the step and count it.  [stop]",
        },
    ),
    (
        "--precision",
        "optim.precision",
        {
            "type": click.Choice(PRECISIONS),
            "help": "Precision of a training step's matrix products; tf32 needs CUDA.  [float32]",
        },
    ),
    (
        "--noise-std",
        "objective.noise_std",
        {
            "type": Numbers(float),
            "help": "Standard deviation sigma of the noise in t = h + sigma * eps; one number, or one for each block.  [0.5]",
        },
    ),
    (
        "--noise-scale",
        "objective.noise_scale",
        {
            "type": click.Choice(NOISE_SCALES),
            "help": "Whether sigma is absolute, or relative to the activations' scale.  [absolute]",
        },
    ),
    (
        "--predict-from",
        "objective.predict_from",
        {
            "type": click.Choice(tuple(PREDICT_FROM)),
            "help": "Prediction term from clean h, noisy t, or mixed: t, but h in the last hidden block.  [mixed]",
        },
    ),
    (
        "--readout",
        "objective.readout",
        {
            "type": click.Choice(READOUTS),
            "help": "How the output layer is trained: on the DV bound, on cross-entropy, or not at all (the label critic classifies).  [dv]",
        },
    ),
    (
        "--plane-points",
        "plane.points",
        {
            "type": int,
            "help": "Log-spaced epochs at which the plane is measured; 0 for none.  [6; digits 4]",
        },
    ),
    (
        "--measures",
        "plane.measures",
        {
            "type": Words(),
            "help": f"What is measured of a layer: any of {', '.join(MEASURES)}.  [all]",
        },
    ),
    (
        "--plane-samples",
        "plane.samples",
        {"type": int, "help": "Test samples that the plane is measured on.  [4000]"},
    ),
    (
        "--audit-every",
        "plane.audit_every",
        {
            "type": int,
            "help": "Every so many points of the plane, check its critics against newly trained ones; 0 never.  [10; digits 0]",
        },
    ),
    ("--device", "device", {"type": click.Choice(DEVICES), "help": "[auto]"}),
    (
        "--threads",
        "threads",
        {"type": int, "help": "CPU threads; 0 chooses by the size of a step.  [0]"},
    ),
)
"""Flag, the setting's dotted place, and click's keywords; unset flags leave the setting alone."""


def training_options(command: F) -> F:
    """Adds every training option; the command receives those that were set, by dotted place.

    The others, by the names that :func:`~ibtrain.cli.execute.execute` has for them.
    """

    def gathered(**arguments: Any) -> Any:
        settings = {place: arguments.pop(_identifier(place)) for _, place, _ in _OPTIONS}
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
        click.option(flag, _identifier(place), **keywords) for flag, place, keywords in _OPTIONS
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
        type=Every(),
        default="1m",
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
