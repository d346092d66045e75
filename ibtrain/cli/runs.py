"""``ibtrain runs``."""

import time
from contextlib import suppress
from pathlib import Path

import click

from ibtrain.cli.options import settings_of
from ibtrain.cli.streams import echo, say, text_width
from ibtrain.errors import ConfigError

__all__ = ["command"]

REFRESH_SECONDS = 2.0


@click.command("runs")
@click.argument("folder", default="runs", metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--watch", is_flag=True, help="Show the table again every two seconds, until Ctrl-C.")
@click.option(
    "--columns",
    metavar="SETTING,...",
    help="Compare the runs, with these settings, by the names of their options: beta,hidden.  [those in which the runs "
    "differ, with --csv]",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the accuracies of every network as CSV.")
def command(folder: Path, watch: bool, columns: str | None, as_csv: bool) -> None:
    """List the runs in a folder (by default ./runs), also those of its sweeps, in the order of their starts; or a single run.

    With --columns, a table of the runs as `ibtrain sweep` prints it.
    """
    if watch and as_csv:
        raise ConfigError("--watch", "one of the two", "--csv")
    names = (
        None
        if columns is None
        else [name for word in columns.split(",") for name in settings_of(word)]
    )
    echo(_text(folder, names, as_csv))
    with suppress(KeyboardInterrupt):
        while watch:
            time.sleep(REFRESH_SECONDS)
            text = _text(folder, names, as_csv)
            click.clear()
            echo(text)


def _text(folder: Path, columns: list[str] | None, as_csv: bool) -> str:
    from ibtrain.report.comparison import comparison_csv, comparison_table
    from ibtrain.report.listing import runs_table
    from ibtrain.report.table import TABLE_WIDTH
    from ibtrain.runs import RunFolder, list_runs
    from ibtrain.runs.summary import summarise

    is_run = (folder / "config.json").is_file()
    folders = [RunFolder.open(folder)] if is_run else list_runs(folder)
    if not folders:
        say(f"no runs in {folder}")
    if columns is None and not as_csv:
        return runs_table(folders, text_width())
    runs = [summarise(run) for run in folders]
    if as_csv:
        return comparison_csv(runs, columns)
    return comparison_table(runs, text_width() or TABLE_WIDTH, columns)
