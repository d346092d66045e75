"""``ibtrain estimate``."""

import json
import os
from pathlib import Path
from typing import Any

import click

from ibtrain.config import DEVICES
from ibtrain.documents import parse_json
from ibtrain.errors import ConfigError

__all__ = ["command"]


@click.command("estimate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--x", "key_x", default="x", metavar="KEY", help="Array of the first.  [x]")
@click.option("--y", "key_y", default="y", metavar="KEY", help="Array of the second.  [y]")
@click.option(
    "--method",
    default="mine",
    metavar="NAME",
    help="mine, nwj, infonce, smile, js, ksg, binning or gaussian.  [mine]",
)
@click.option("--seed", default=0, show_default=True, help="Of splits, critic and batches.")
@click.option(
    "--discrete/--continuous",
    default=None,
    help="Whether y is a label.  [whole numbers with few distinct values are]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A method's own option, such as k=3 (ksg) or steps=4000 (mine).",
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
    seed: int,
    discrete: bool | None,
    settings: tuple[str, ...],
    curve: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Estimate the mutual information of x and y in FILE, an npz archive with one row a sample.

    The value comes with its standard error, the most that the method could have said, and flags:
    reasons not to trust it.
    """
    options = dict(_setting(text) for text in settings)
    from ibtrain.data.mapped import map_archive
    from ibtrain.device import choose_device, threads
    from ibtrain.mi.neural import CurvePoint
    from ibtrain.mi.registry import METHODS, estimate
    from ibtrain.report.estimates import describe

    if curve:
        from ibtrain.report.style import check_picture

        check_picture(curve, "--curve")
    if curve and method in METHODS and not METHODS[method].is_neural:
        raise ConfigError(method, "a neural method, which has a critic to draw", "--curve")
    arrays = map_archive(file, (key_x, key_y))
    points: list[CurvePoint] = []
    with threads(1):
        found = estimate(
            arrays[key_x],
            arrays[key_y],
            method,
            seed=seed,
            discrete=discrete,
            device=str(choose_device(device)),
            on_checkpoint=points.append,
            **options,
        )
    if curve:
        from ibtrain.report.critic import critic_figure
        from ibtrain.report.style import save_figure

        save_figure(critic_figure(points, found), curve)
    click.echo(json.dumps(found.to_dict()) if as_json else describe(found))


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(repr(text), "NAME=VALUE", "--set")
    try:
        parsed = parse_json(os.fsencode(value))
    except ValueError:
        parsed = value
    return name, tuple(parsed) if isinstance(parsed, list) else parsed
