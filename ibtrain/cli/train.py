"""``ibtrain train layerwise`` and ``ibtrain train end-to-end``."""

from pathlib import Path
from typing import Any

import click

from ibtrain.cli.execute import execute
from ibtrain.cli.groups import GroupedCommand
from ibtrain.cli.options import run_config, training_options

__all__ = ["command"]

ALIASES = {
    "layer-wise": "layerwise",
    "layer_wise": "layerwise",
    "end_to_end": "end-to-end",
    "backprop": "end-to-end",
}
"""Other names of the methods."""


class Methods(click.Group):
    """A group whose commands have further names, which its help does not list."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))


@click.group("train", cls=Methods)
def command() -> None:
    """Train with one method."""


@command.command("layerwise", cls=GroupedCommand)
@training_options
def layerwise(settings: dict[str, Any], config_file: Path | None, **options: Any) -> None:
    """Train block by block with the information bottleneck."""
    execute(run_config(settings, config_file, ("layerwise",)), **options)


@command.command("end-to-end", cls=GroupedCommand)
@training_options
def end_to_end(settings: dict[str, Any], config_file: Path | None, **options: Any) -> None:
    """Train the whole network with backprop."""
    for option in OBJECTIVE_OPTIONS:
        if option.name is not None and option.name.replace("_", ".", 1) in settings:
            message = f"{option.opts[0]} sets the objective of layer-wise training and means nothing to end-to-end training: leave it out"
            raise click.UsageError(message)
    execute(run_config(settings, config_file, ("end_to_end",)), **options)


OBJECTIVE_OPTIONS = [
    parameter
    for parameter in end_to_end.params
    if isinstance(parameter, click.Option) and str(parameter.name).startswith("objective_")
]
"""Options without a meaning for end-to-end training: its help leaves them out, and they are refused."""
for _option in OBJECTIVE_OPTIONS:
    _option.hidden = True
