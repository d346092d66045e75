"""``ibtrain estimate``."""

import os
from pathlib import Path
from typing import Any

import click

from ibtrain.cli.streams import echo
from ibtrain.config import DEVICES
from ibtrain.errors import ConfigError
from ibtrain.io.documents import json_text, parse_json

__all__ = ["command"]


@click.command("estimate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--x", "key_x", default="x", metavar="KEY", help="Name of the array x in the file.  [x]"
)
@click.option(
    "--y", "key_y", default="y", metavar="KEY", help="Name of the array y in the file.  [y]"
)
@click.option(
    "--method",
    default="mine",
    metavar="NAME",
    help="mine, nwj, infonce, smile, js, ksg, binning or gaussian.  [mine]",
)
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@click.option(
    "--discrete/--continuous",
    default=None,
    help="Whether y holds classes or continuous values.  [classes: strings, and integers of few distinct values]",
)
@click.option(
    "--discrete-x/--continuous-x",
    default=None,
    help="Whether x holds classes or continuous values.",
)
@click.option(
    "--blocks",
    default=1,
    metavar="ROWS",
    help="Consecutive rows that may depend on each other, as in a time series.  [1]",
)
@click.option(
    "--unit",
    type=click.Choice(("nats", "bits")),
    default="nats",
    show_default=True,
    help="Unit of the value.",
)
@click.option("--shuffled", is_flag=True, help="Also estimate samples with shuffled y (truth: 0).")
@click.option(
    "--normalized",
    is_flag=True,
    help="Also print the value from 0 to 1: as a share of H(Y), or as a correlation (Linfoot).",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the method, such as k=3 (ksg) or steps=4000 (mine).",
)
@click.option(
    "--curve",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw how a neural method's critic was trained (png, svg or pdf).",
)
@click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the estimate as JSON.")
def command(
    file: Path,
    key_x: str,
    key_y: str,
    method: str,
    normalized: bool,
    settings: tuple[str, ...],
    curve: Path | None,
    device: str,
    as_json: bool,
    **arguments: Any,
) -> None:
    """Estimate the mutual information of x and y in FILE, an npz archive with one row per sample.

    x and y may also be called x_train and y_train. The value comes with its standard error, the upper
    limit of what the method can report, and flags: reasons not to trust it.
    """
    options = dict(_setting(text) for text in settings)
    from ibtrain.backend.device import choose_device, threads
    from ibtrain.data.mapped import map_archive
    from ibtrain.mi.neural.convergence import CurvePoint
    from ibtrain.mi.registry import ESTIMATORS, estimate
    from ibtrain.report.estimates import describe

    if curve:
        from ibtrain.report.style import check_picture

        check_picture(curve, "--curve")
    if curve and method in ESTIMATORS and not ESTIMATORS[method].is_neural:
        raise ConfigError(method, "a neural method, which has a critic to draw", "--curve")
    arrays = map_archive(file, (key_x, key_y), {"x": "x_train", "y": "y_train"})
    points: list[CurvePoint] = []
    with threads(1):
        result = estimate(
            arrays[key_x],
            arrays[key_y],
            method,
            device=str(choose_device(device)),
            on_checkpoint=points.append,
            **arguments,
            **options,
        )
    if curve:
        from ibtrain.report.critic import critic_figure
        from ibtrain.report.style import save_figure

        save_figure(critic_figure(points, result), curve)
    document = result.to_dict() | ({"normalized": result.normalized} if normalized else {})
    text = describe(result, normalized=normalized)
    echo(json_text(document, "estimate") if as_json else text)


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(repr(text), "NAME=VALUE", "--set")
    parameters = {parameter.name for parameter in command.params}
    if name in parameters or name in ("on_checkpoint", "progress"):
        expected = "an option of the method (for other options see ibtrain estimate --help)"
        raise ConfigError(repr(name), expected, "--set")
    try:
        parsed = parse_json(os.fsencode(value))
    except ValueError:
        parsed = value
    return name, tuple(parsed) if isinstance(parsed, list) else parsed
