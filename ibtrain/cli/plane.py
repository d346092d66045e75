"""``ibtrain plane``."""

from pathlib import Path
from typing import Any

import click

from ibtrain.cli.declared import CommaSeparated, CommaSeparatedWords, NearChoice
from ibtrain.cli.streams import echo_path
from ibtrain.config.units import UNITS
from ibtrain.report.view import STYLES

__all__ = ["command"]


@click.command("plane")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .png, .svg or .pdf, or of a style up to curves a .gif or .mp4, which are animations over epochs.  "
    "[RUN/plane.png; RUN/plane-STYLE.png of several runs, or with other options than -o]",
)
@click.option(
    "--style",
    type=NearChoice(STYLES),
    help="layers: a path for each layer. epochs: all epochs in colour, with a line through the layers of each. curves: the "
    "information of each layer by epoch. gradients: those of each layer by epoch (of --measures gradients). profile: "
    "I(X;T) by the noise (of --measures profile). units: H(T_j) and I(T_j;Y) of single units by epoch (of --measures "
    "binned). shares: the last points of runs with several --train-share.  [layers]",
)
@click.option(
    "--seeds",
    type=click.Choice(("mean", "median", "all")),
    help="What is drawn of several seeds.  [mean]",
)
@click.option("--unit", type=click.Choice(UNITS), help="Unit of information.  [that of the run]")
@click.option("--until", type=float, metavar="EPOCH", help="Last epoch that is drawn.")
@click.option(
    "--at",
    type=CommaSeparated(float),
    help="Epochs of snapshots side by side, each of which shows the epochs up to its own; or of the profiles.",
)
@click.option(
    "--measure",
    "measures",
    type=CommaSeparatedWords(),
    help="Measures that are drawn, such as channel,mine.  [all]",
)
def command(runs: tuple[Path, ...], output: Path | None, **choices: Any) -> None:
    """Draw the information plane of one or several runs, with a panel for each method of each run.

    A run that is not finished is drawn as far as it is.
    """
    from ibtrain.report.film import PLANE_FORMATS, save_plane
    from ibtrain.report.pictures import plane_panels
    from ibtrain.report.style import check_picture
    from ibtrain.report.view import PlaneView
    from ibtrain.runs import RunFolder

    view = PlaneView(**{name: value for name, value in choices.items() if value is not None})
    if output:
        check_picture(output, "--output", PLANE_FORMATS)
    folders = [RunFolder.open(path) for path in runs]
    panels = [panel for folder in folders for panel in plane_panels(folder, len(folders) > 1)]
    # another picture must not replace the one that the run itself has drawn
    is_default = len(folders) == 1 and view == PlaneView()
    path = output or folders[0].path / ("plane.png" if is_default else f"plane-{view.style}.png")
    save_plane(panels, path, view)
    echo_path(path)
