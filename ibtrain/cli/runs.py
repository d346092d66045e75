"""``ibtrain runs``."""

from pathlib import Path

import click

from ibtrain.cli.streams import echo

__all__ = ["command"]


@click.command("runs")
@click.argument("folder", default="runs", metavar="[DIR]", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """List the runs in a folder (by default ./runs), oldest first."""
    from ibtrain.report.table import runs_table
    from ibtrain.runs import list_runs

    echo(runs_table(list_runs(folder)))
