"""``ibtrain resume``."""

from pathlib import Path
from typing import Any

import click

from ibtrain.cli.execute import execute
from ibtrain.cli.options import execution_options

__all__ = ["command"]


@click.command("resume")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@execution_options
def command(run: Path, **how: Any) -> None:
    """Go on with a run that was interrupted, from its last checkpoint.

    It ends as if it had never been interrupted: on a CPU with the same weights and figures to the
    last bit. A run that is finished is shown again. The command that began a run does the same if it is
    repeated with its --run-dir.
    """
    from ibtrain.runs import RunFolder

    execute(RunFolder.open(run).config(), run, **how)
