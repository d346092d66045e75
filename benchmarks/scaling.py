"""Time and memory of an estimate against the number of samples, which lie on the disk.

    python benchmarks/scaling.py -o benchmarks/records/scaling.json --picture docs/scaling.png
    python benchmarks/scaling.py --method ksg --dim 1 --samples 100000,1000000 -o benchmarks/records/scaling-ksg.json
    python benchmarks/scaling.py --samples 300000 --processes 2 -o benchmarks/records/scaling-two-processes.json

Correlated Gaussians of float32 and 2 nats, by default of 10 + 10 dimensions, are written to .npy files chunk by
chunk, mapped, and estimated by a process of their own for each count, after a small estimate that
loads what is loaded once. With --processes, several processes of torchrun share each estimate, and the first one is measured. Time is the
process's on its one core, whoever shares the machine, and that of a clock. Memory is read every 20 ms from /proc (Linux): the anonymous
pages, which are the process's own; pages of the mapped files are the system's cache, and are told apart.
"""

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import click
import numpy as np
from page_parts import markdown_table

from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.backend.process_group import process_group, rank
from ibtrain.cli.declared import CommaSeparated
from ibtrain.io.files import write_json
from ibtrain.mi.bounds.registry import BOUNDS
from ibtrain.mi.neural.convergence import CurvePoint
from ibtrain.mi.registry import estimate
from ibtrain.report.style import check_picture, new_figure, save_figure, styled

TRUTH = 2.0
CHUNK = 1 << 17
WARM_UP = 1000
COUNTS = "10000,30000,100000,1000000,10000000"


def write_samples(folder: Path, count: int, dim: int, seed: int) -> None:
    """x.npy and y.npy, a chunk at a time."""
    rng = np.random.default_rng(seed)
    rho = math.sqrt(1 - math.exp(-2 * TRUTH / dim))
    x, y = (
        np.lib.format.open_memmap(folder / name, "w+", np.float32, (count, dim))
        for name in ("x.npy", "y.npy")
    )
    for start in range(0, count, CHUNK):
        rows = slice(start, min(start + CHUNK, count))
        shape = (rows.stop - start, dim)
        x[rows] = rng.standard_normal(shape, np.float32)
        y[rows] = rho * x[rows] + math.sqrt(1 - rho**2) * rng.standard_normal(shape, np.float32)


def memory() -> dict[str, int]:
    """MiB of this process: its own pages, and those of files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) // 1024 for name in ("RssAnon", "RssFile")}


@contextmanager
def peak_memory() -> Iterator[dict[str, int]]:
    """The most of either within the block."""
    peak, done = memory(), Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak.update({name: max(peak[name], now) for name, now in memory().items()})

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def measure(folder: Path, method: str, seed: int) -> dict[str, Any]:
    """An estimate of the folder's samples: how long, how much memory, how near the truth."""
    x, y = (np.load(folder / name, mmap_mode="r") for name in ("x.npy", "y.npy"))
    estimate(x[:WARM_UP], y[:WARM_UP], method=method, seed=seed)
    before = memory()
    looks: list[float] = []

    def on_checkpoint(_: CurvePoint) -> None:
        looks.append(time.process_time())

    options: dict[str, Any] = {"on_checkpoint": on_checkpoint} if method in BOUNDS else {}
    start, began = time.process_time(), time.perf_counter()
    with peak_memory() as peak:
        found = estimate(x, y, method=method, seed=seed, **options)
    stop, seconds = time.process_time(), time.perf_counter() - began
    fit = (
        {
            "core_seconds_before_fit": looks[0] - start,
            "core_seconds_fit": looks[-1] - looks[0],
            "core_seconds_report": stop - looks[-1],
        }
        if looks
        else {}
    )
    return {
        "samples": len(x),
        "truth": TRUTH,
        "file_mib": sum(path.stat().st_size for path in folder.iterdir()) // 2**20,
        "dim": x.shape[1],
        "clock_seconds": seconds,
        "core_seconds": stop - start,
        **fit,
        "memory_before_mib": before,
        "memory_peak_mib": peak,
        **found.to_dict(),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each count."""
    lines = [
        [
            "samples",
            "s on one core",
            "fit",
            "report",
            "peak memory, MiB",
            "beyond a small estimate",
            "estimate",
            "SE",
        ]
    ]
    for row in rows:
        peak, before = (row[f"memory_{when}_mib"]["RssAnon"] for when in ("peak", "before"))
        cells = [
            f"{row['samples']:,}",
            f"{row['core_seconds']:.0f}",
            *(
                f"{row[name]:.0f}" if name in row else "-"
                for name in ("core_seconds_fit", "core_seconds_report")
            ),
            f"{peak:,}",
            f"{peak - before:+,}",
            f"{row['mi']:.4f}",
            f"{row['stderr']:.4f}",
        ]
        lines.append(cells)
    return markdown_table(lines)


@styled
def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Time and memory against samples."""
    figure, ((left, right),) = new_figure(1, 2, 2.6)
    counts = [row["samples"] for row in rows]
    for key, label, look in (
        ("core_seconds", "all", {"color": "#000000", "marker": "o"}),
        ("core_seconds_fit", "fit of the critic", {"color": "#0072B2", "marker": "s", "ls": "--"}),
        (
            "core_seconds_report",
            "report on all samples",
            {"color": "#D55E00", "marker": "^", "ls": "--"},
        ),
    ):
        left.plot(counts, [row[key] for row in rows], ms=4, lw=1.2, label=label, **look)
    last = rows[-1]
    line = [last["core_seconds"] * count / last["samples"] for count in counts]
    left.plot(counts, line, color="#666666", lw=0.8, ls=":", label="proportional to N")
    left.set(xscale="log", yscale="log", xlabel="samples N", ylabel="seconds on one core")
    left.set_ylim(1, 10 * left.get_ylim()[1])
    left.legend(loc="upper left")
    for key, label, look in (
        ("peak", "peak", {"color": "#000000", "marker": "o"}),
        ("before", "before: a small estimate has run", {"color": "#666666", "ls": "--"}),
    ):
        sizes = [row[f"memory_{key}_mib"]["RssAnon"] for row in rows]
        right.plot(counts, sizes, ms=4, lw=1.2, label=label, **look)
    sizes = [row["file_mib"] for row in rows]
    right.plot(counts, sizes, color="#E69F00", lw=1.2, ls="-.", label="the samples on the disk")
    top = max(row["memory_peak_mib"]["RssAnon"] for row in rows)
    right.set(xscale="log", xlabel="samples N", ylabel="MiB in memory", ylim=(0, 1.5 * top))
    right.legend(loc="upper left")
    # text in pictures is not read as mathematics, which the default ticks of a logarithmic axis are
    for axis in (left.xaxis, left.yaxis, right.xaxis):
        axis.set_major_formatter("{x:,.0f}")
    save_figure(figure, path)


@click.command()
@click.option("--samples", "counts", type=CommaSeparated(int), default=COUNTS)
@click.option("--method", default="mine")
@click.option("--dim", default=10)
@click.option("--threads", "num_threads", default=1)
@click.option("--processes", type=click.IntRange(1), default=1)
@click.option("--seed", default=0)
@click.option("--picture", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path))
@click.option("--measure", "folder", type=click.Path(path_type=Path), hidden=True)
def main(
    counts: tuple[int, ...],
    method: str,
    dim: int,
    num_threads: int,
    processes: int,
    seed: int,
    picture: Path | None,
    output: Path | None,
    folder: Path | None,
) -> None:
    """Measures every count in a process of its own, and writes the record and the picture."""
    if folder:
        with process_group(), threads(num_threads):
            found = measure(folder, method, seed)
            if rank() == 0:
                click.echo(json.dumps(found))
        return
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    if picture:
        check_picture(picture, "--picture")
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            write_samples(Path(name), count, dim, seed)
            options = ["--method", method, "--seed", str(seed), "--threads", str(num_threads)]
            program = [*(launcher if processes > 1 else []), __file__, "--measure", name]
            command = [sys.executable, *program, *options]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
        click.echo(done.stdout.strip())
        machine = environment("cpu", num_threads)
        record = {"environment": machine, "processes": processes, "rows": rows}
        if output:
            write_json(output, record)
    if picture:
        draw(rows, picture)
    click.echo(table(rows))


if __name__ == "__main__":
    main()
