"""``ibtrain bench``."""

from pathlib import Path
from typing import Any

import click

from ibtrain.backend.openmp import MAX_THREADS
from ibtrain.checks import check_integer, check_number
from ibtrain.cli.streams import echo, say
from ibtrain.config import DEVICES
from ibtrain.errors import ConfigError, DataError
from ibtrain.io.documents import json_text, parse_json, read_bytes

__all__ = ["command"]


@click.command("bench")
@click.option("--only", metavar="TEXT", help="Only cases whose name contains this text.")
@click.option("--list", "is_listing", is_flag=True, help="List the cases without timing them.")
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option("--threads", "count", type=int, default=1, show_default=True, help="CPU threads.")
@click.option(
    "--compare",
    "earlier",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An earlier record, to show the speed-up of each case.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the record as JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def command(
    only: str | None,
    is_listing: bool,
    device: str,
    count: int,
    earlier: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Time critics, training, references and the plane, and compare with the machine's limits.

    Each case is warmed up and repeated; its time is the median. The limits are the operations per second
    of a large matrix product, and the bytes per second of a large copy, both measured first. (A share
    above 100 % of the bytes comes from a cache.)
    """
    from ibtrain.backend.device import choose_device, threads
    from ibtrain.backend.environment import environment
    from ibtrain.bench.cases import CASES
    from ibtrain.bench.machine import measure_machine
    from ibtrain.bench.rows import time_cases
    from ibtrain.io.files import check_output, write_json
    from ibtrain.report.bench import bench_header, bench_row, machine_line

    cases = [case for case in CASES if only is None or only in case.name]
    if not cases:
        raise ConfigError(repr(only), "part of a case's name (see --list)", "--only")
    if is_listing:
        echo("\n".join(case.name for case in cases))
        return
    check_integer("--threads", count, 1, MAX_THREADS)
    if output:
        check_output(output, "--output")
    before = _seconds_of(earlier) if earlier else {}
    torch_device = choose_device(device)
    rows = []
    show = say if as_json else echo
    with threads(count):
        machine = measure_machine(torch_device)
        show(machine_line(machine, count))
        show(bench_header(is_compared=bool(before)))
        for row in time_cases(cases, torch_device):
            rows.append(row.to_dict(machine))
            show(bench_row(row, machine, before.get(row.name)))
    record = {
        "environment": environment(str(torch_device), count),
        "machine": vars(machine),
        "rows": rows,
    }
    if output:
        write_json(output, record)
    if as_json:
        echo(json_text(record, "record"))


def _seconds_of(path: Path) -> dict[str, float]:
    """Median seconds of each case in a record, by name.

    Raises:
        DataError: If the file is missing, or not a record.
    """
    expected = "a record that `ibtrain bench -o FILE` wrote"
    try:
        rows: list[dict[str, Any]] = parse_json(read_bytes(path))["rows"]
        seconds = {str(row["name"]): row["seconds"]["median"] for row in rows}
        for name, median in seconds.items():
            check_number(f"seconds of {name}", median, above=0)
    except OSError as error:
        raise DataError(str(path), f"{expected} ({error.strerror})", "--compare") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(str(path), f"{expected} ({error})", "--compare") from error
    return seconds
