"""``ibtrain measure``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ibtrain.cli.declared import keywords
from ibtrain.cli.options import SETTINGS
from ibtrain.cli.streams import echo
from ibtrain.config import PlaneConfig

__all__ = ["command"]

_FIELDS = (
    "measures", "noise_std", "noise_scale", "num_bins", "bin_range", "bin_size", "bin_rule", "kde_noise", "components",
    "dropout_alpha", "quantise_bits", "unit",
)  # fmt: skip
"""Settings of the plane that can be chosen again."""
DEFAULT_MEASURES = ("channel", "binned")


def _options(function: Any) -> Any:
    flags = {setting: flag for flag, setting in SETTINGS.items()}
    for name in reversed(_FIELDS):
        arguments = keywords(f"plane.{name}")
        default = ",".join(DEFAULT_MEASURES) if name == "measures" else "that of the run"
        arguments["help"] = f"{arguments['help'].partition('  [')[0]}  [{default}]"
        function = click.option(flags[f"plane.{name}"], name, **arguments)(function)
    return function


def _replaced(plane: PlaneConfig, given: dict[str, Any]) -> dict[str, Any]:
    """Defaults of those settings of the run's bins that a given one excludes."""
    replaced: dict[str, Any] = {}
    if given.get("bin_size"):
        replaced.update(bin_range=(), bin_rule="equal")
    if given.get("bin_range") or given.get("bin_rule", "equal") != "equal":
        replaced.update(bin_size=0.0)
    if given.get("bin_range") and plane.bin_rule == "activation":
        replaced.update(bin_rule="equal")
    if given.get("bin_rule") == "activation":
        replaced.update(bin_range=())
    return replaced


@click.command("measure")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@_options
@click.option("--workers", default=1, show_default=True, help="Number of processes.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The CSV file of all points.  [RUN/plane-MEASURES,SETTINGS.csv]",
)
def command(run: Path, workers: int, output: Path | None, **options: Any) -> None:
    """Measure the saved activations of a run again, by other measures.

    The run needs --save activations. Several processes, on one machine or on several with a shared disk, may run the same
    command: each layer is measured once, also if a process dies.
    """
    from ibtrain.checks import MAX_WORKERS, check_integer
    from ibtrain.io.files import check_output
    from ibtrain.runs import RunFolder
    from ibtrain.runs.remeasure import check_measures, remeasure
    from ibtrain.runs.sweep import cell_name
    from ibtrain.runs.workers import helpers

    check_integer("--workers", workers, 1, MAX_WORKERS)
    folder = RunFolder.open(run)
    given = {name: value for name, value in options.items() if value is not None}
    plane = folder.config().plane
    config = replace(plane, **{"measures": DEFAULT_MEASURES, **_replaced(plane, given), **given})
    others = {name: value for name, value in given.items() if name != "measures"}
    # other settings go to another file, so that no values are lost
    suffix = f",{cell_name(others)}" if others else ""
    path = output or run / f"plane-{'-'.join(config.measures)}{suffix}.csv"
    check_output(path, "--output")
    check_measures(config)
    work = (run, config, path)
    with helpers(remeasure, work, workers - 1):
        remeasure(*work, progress=True)
    echo(str(path))
