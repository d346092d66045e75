"""``ibtrain report``."""

from pathlib import Path

import click

from ibtrain.cli.streams import echo_path

__all__ = ["command"]


@click.command("report")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An .html file.  [report.html in the folder RUN; of several, report-runs.html in that of the first]",
)
def command(runs: tuple[Path, ...], output: Path | None) -> None:
    """Write an interactive page about one or several runs: one HTML file, which needs no network.

    RUN is the folder of a run, finished or not, or a folder of runs.
    """
    from ibtrain.report.page import save_page
    from ibtrain.report.page.write import PAGE, PAGE_OF_RUNS, check_page
    from ibtrain.runs.listing import find_runs

    if output:
        check_page(output, "--output")
    folders = [folder for path in runs for folder in find_runs(path)]
    # another page must not replace the one that the first run itself has written
    path = output or (runs[0] / PAGE if len(runs) == 1 else folders[0].path / PAGE_OF_RUNS)
    save_page(folders, path)
    echo_path(path)
