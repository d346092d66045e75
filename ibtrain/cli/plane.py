"""``ibtrain plane``."""

import os
import sys
from pathlib import Path

import click

from ibtrain.text import printable

__all__ = ["command"]


@click.command("plane")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .png, .svg, .pdf, .gif or .mp4 (the last two are animations over epochs).  [RUN/plane.png]",
)
def command(runs: tuple[Path, ...], output: Path | None) -> None:
    """Draw the information plane of one or several runs, with a column for each method of each run."""
    from ibtrain.report.film import PLANE_FORMATS, save_plane
    from ibtrain.report.pictures import plane_panels
    from ibtrain.report.style import check_picture
    from ibtrain.runs import RunFolder

    if output:
        check_picture(output, "--output", PLANE_FORMATS)
    folders = [RunFolder.open(path) for path in runs]
    panels = [panel for folder in folders for panel in plane_panels(folder, len(folders) > 1)]
    path = output or folders[0].path / "plane.png"
    save_plane(panels, path)
    # as bytes, so that any file name can be piped
    click.echo(printable(str(path)) if sys.stdout.isatty() else os.fsencode(path))
