"""``ibtrain compare``."""

from pathlib import Path
from typing import Any

import click

from ibtrain.cli.execute import execute
from ibtrain.cli.groups import GroupedCommand
from ibtrain.cli.options import run_config, training_options
from ibtrain.config import METHODS

__all__ = ["command"]


@click.command("compare", cls=GroupedCommand)
@training_options
def command(settings: dict[str, Any], config_file: Path | None, **options: Any) -> None:
    """Train layer-wise and end-to-end, measure both, and compare.

    Both methods train the same network from the same initial weights, in the same data order.
    Options of the optimiser apply to both. The defaults of each method were chosen on a validation
    split with the same budget (docs/tuning.md).
    """
    execute(run_config(settings, config_file, METHODS), **options)
