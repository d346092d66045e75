"""``ibtrain train layerwise`` and ``ibtrain train end-to-end``."""

from pathlib import Path
from typing import Any

import click

from ibtrain.cli.execute import execute
from ibtrain.cli.options import run_config, training_options

__all__ = ["command"]


@click.group("train")
def command() -> None:
    """Train with one method."""


@command.command("layerwise")
@training_options
def layerwise(settings: dict[str, Any], config_file: Path | None, **options: Any) -> None:
    """Train block by block with the information bottleneck."""
    execute(run_config(settings, config_file, ("layerwise",)), **options)


@command.command("end-to-end")
@training_options
def end_to_end(settings: dict[str, Any], config_file: Path | None, **options: Any) -> None:
    """Train the whole network with backprop."""
    execute(run_config(settings, config_file, ("end_to_end",)), **options)
