"""``ibtrain runs``."""

import time
from contextlib import suppress
from pathlib import Path

import click

from ibtrain.cli.streams import echo, text_width

__all__ = ["command"]

REFRESH_SECONDS = 2.0


@click.command("runs")
@click.argument("folder", default="runs", metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--watch", is_flag=True, help="Show the table again every two seconds, until Ctrl-C.")
def command(folder: Path, watch: bool) -> None:
    """List the runs in a folder (by default ./runs), oldest first."""
    from ibtrain.report.listing import runs_table
    from ibtrain.runs import list_runs

    echo(runs_table(list_runs(folder), text_width()))
    with suppress(KeyboardInterrupt):
        while watch:
            time.sleep(REFRESH_SECONDS)
            text = runs_table(list_runs(folder), text_width())
            click.clear()
            echo(text)
