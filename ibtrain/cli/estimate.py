"""``ibtrain estimate``."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import click

from ibtrain.backend.openmp import MAX_THREADS
from ibtrain.checks import check_integer
from ibtrain.cli.condition import condition_options
from ibtrain.config import DEVICES
from ibtrain.errors import ConfigError
from ibtrain.io.documents import parse_json

__all__ = ["command"]

RESERVED_SETTINGS = {"x", "y", "z", "frame", "on_checkpoint", "progress"}
"""Arguments of the estimating functions that are no options of a method."""


@click.command("estimate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--x",
    "choices_x",
    multiple=True,
    default=("x",),
    metavar="NAME",
    help="What x is: a column or an array of the file, or several as one x: a,b or 0:3 (columns by position), "
    "in an npz archive 'features[:, 0:3]'. Give --x and --y again for each further pair.  [x]",
)
@click.option(
    "--y",
    "choices_y",
    multiple=True,
    default=("y",),
    metavar="NAME",
    help="What y is, likewise. Given once, it is the y of every --x.  [y]",
)
@click.option(
    "--z",
    "key_z",
    metavar="NAME",
    help="What the condition z is, likewise: estimate I(x; y | z) instead.",
)
@click.option(
    "--matrix",
    "is_matrix",
    is_flag=True,
    help="Estimate all pairs of columns (of those of --x, if it is given).",
)
@click.option(
    "--method",
    metavar="NAME",
    help="mine, nwj, infonce, smile, js, ksg, binning or gaussian.  [mine; with --matrix ksg]",
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
    "--discrete-z/--continuous-z",
    default=None,
    help="Whether z holds classes or continuous values.",
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
@click.option(
    "--permutations",
    default=0,
    metavar="N",
    help="Also estimate N times with shuffled y (whole blocks of it with --blocks): the p-value of independence, and "
    "the mean, which is the bias. It takes N times as long; ksg, binning and gaussian are fast.  [0]",
)
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
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --matrix, write a row for each pair (csv: value, error, flags) or draw the values (png, svg or pdf).",
)
@click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True)
@click.option(
    "--threads",
    "num_threads",
    type=int,
    default=1,
    show_default=True,
    help="CPU threads; several are worth it for a neural method with 100,000 samples or more.",
)
@click.option("--cite", is_flag=True, help="Also print a sentence on the method, and BibTeX.")
@click.option("--json", "as_json", is_flag=True, help="Print the estimate as JSON.")
def command(
    file: Path,
    choices_x: tuple[str, ...],
    choices_y: tuple[str, ...],
    key_z: str | None,
    is_matrix: bool,
    method: str | None,
    settings: tuple[str, ...],
    curve: Path | None,
    output: Path | None,
    device: str,
    num_threads: int,
    **arguments: Any,
) -> None:
    """Estimate the mutual information of x and y in FILE, with a row for each sample.

    FILE is a table (.csv, .tsv, .parquet) or an npz archive, whose arrays may also be called x_train and y_train. The
    value comes with an interval of 95 %, what was done with which samples, the largest value that they can
    show, and flags: reasons not to trust it. Processes of torchrun share the work.

    \b
    ibtrain estimate data.csv --x height,weight --y species
    ibtrain estimate data.csv --x height --x weight --y species     two pairs
    ibtrain estimate data.csv --matrix -o matrix.csv                all pairs
    """
    options = dict(_setting(text) for text in settings)
    check_integer("--threads", num_threads, 1, MAX_THREADS)
    condition = condition_options(key_z, arguments, curve, is_matrix=is_matrix)
    output_options = {name: arguments.pop(name) for name in ("normalized", "cite", "as_json")}
    pairs: list[tuple[str, str]] = []
    if is_matrix:
        _check_matrix_options(arguments, curve=curve, normalized=output_options["normalized"])
    elif output:
        raise ConfigError(str(output), "--matrix, whose values it writes", "--output")
    else:
        pairs = _pairs(choices_x, choices_y)
        _check_curve(curve, method or "mine", len(pairs))

    from ibtrain.backend.device import choose_device, threads
    from ibtrain.backend.process_group import check_device, process_group
    from ibtrain.cli.mi_matrix import print_matrix
    from ibtrain.cli.mi_pairs import print_pairs

    with process_group(), threads(num_threads), _first_writes() as is_first:
        chosen_device = choose_device(device)
        check_device(chosen_device)
        arguments |= {"device": str(chosen_device), "progress": is_first, **options}
        output, curve = (output, curve) if is_first else (None, None)
        if is_matrix:
            chosen = choices_x if _is_given("choices_x") else ()
            print_matrix(file, chosen, method or "ksg", output, output_options, arguments)
        else:
            print_pairs(file, pairs, condition, method or "mine", curve, output_options, arguments)


@contextmanager
def _first_writes() -> Iterator[bool]:
    """Discards what the processes of torchrun but the first one print, and says whether this is the first one."""
    from ibtrain.backend.process_group import rank

    if rank() == 0:
        yield True
        return
    with redirect_stdout(StringIO()):
        yield False


def _pairs(choices_x: Sequence[str], choices_y: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs each --x with the --y in the same place; a single one belongs to all of the others.

    Raises:
        ConfigError: If there are several of both, and not as many of each.
    """
    count = max(len(choices_x), len(choices_y))
    if {len(choices_x), len(choices_y)} - {1, count}:
        given = f"{len(choices_x)} times --x and {len(choices_y)} times --y"
        expected = "as many of each, or one of either (--x a,b is one x of two columns)"
        raise ConfigError(given, expected, "--x and --y")
    several_x, several_y = (
        list(choices) * (count if len(choices) == 1 else 1) for choices in (choices_x, choices_y)
    )
    return list(zip(several_x, several_y, strict=True))


def _check_curve(curve: Path | None, method: str, pairs: int) -> None:
    if curve is None:
        return
    from ibtrain.mi.registry import ESTIMATORS
    from ibtrain.report.style import check_picture

    check_picture(curve, "--curve")
    if method in ESTIMATORS and not ESTIMATORS[method].is_neural:
        raise ConfigError(method, "a neural method, which has a critic to draw", "--curve")
    if pairs > 1:
        raise ConfigError(f"{pairs} pairs", "one pair, whose critic is drawn", "--curve")


def _is_given(name: str) -> bool:
    """Whether the user gave an option, by the name of its parameter."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not click.core.ParameterSource.DEFAULT


def _check_matrix_options(arguments: dict[str, Any], **others: Any) -> None:
    """Removes the options of a single pair from the arguments.

    Raises:
        ConfigError: If one of them is given.
    """
    sides = {name: arguments.pop(name) for name in ("discrete", "discrete_x")}
    given = {
        "--y": _is_given("choices_y"),
        "--discrete or --continuous": sides["discrete"] is not None,
        "--discrete-x or --continuous-x": sides["discrete_x"] is not None,
        "--curve": others["curve"] is not None,
        "--normalized": others["normalized"],
    }
    for name, is_given in given.items():
        if is_given:
            expected = "no option of a single pair (the columns are those of --x, or all)"
            raise ConfigError(name, expected, "--matrix")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(repr(text), "NAME=VALUE", "--set")
    if name in RESERVED_SETTINGS | {parameter.name for parameter in command.params}:
        expected = "an option of the method (for other options see ibtrain estimate --help)"
        raise ConfigError(repr(name), expected, "--set")
    try:
        parsed = parse_json(os.fsencode(value))
    except ValueError:
        parsed = value
    return name, tuple(parsed) if isinstance(parsed, list) else parsed
