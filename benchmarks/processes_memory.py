"""Memory of several processes that train one network, together: what they share is counted once.

    python benchmarks/processes_memory.py --data-root ../shared/data -o RECORD.json

torchrun starts so many processes for one epoch a block of 784-500-256-10 on MNIST. The sum of their proportional shares (``Pss`` of
``/proc``, Linux), in which a page that n processes have is counted as 1/n in each, is read twice a second.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from page_parts import markdown_table

from ibtrain.backend.environment import environment
from ibtrain.cli.declared import CommaSeparated
from ibtrain.io.files import write_json

COMMAND = "train layerwise --dataset mnist --hidden 500,256 --epochs 1 --seeds 0 --plane-points 0"
INTERVAL = 0.5
"""Seconds between two readings."""


def memory_of(launcher: int) -> int:
    """Bytes of the processes that torchrun has started.

    Args:
        launcher: Number of torchrun's own process.
    """
    total = 0
    for path in Path("/proc").glob("[0-9]*"):
        # a process may end meanwhile
        with suppress(OSError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == launcher:
                found = re.search(
                    r"^Pss:\s+(\d+)", (path / "smaps_rollup").read_text(), re.MULTILINE
                )
                total += 1024 * int(found[1]) if found else 0
    return total


def measure(count: int, data_root: str) -> dict[str, Any]:
    """Trains in so many processes: the largest sum of their memory.

    Args:
        count: Number of processes.
        data_root: Folder of MNIST.
    """
    with tempfile.TemporaryDirectory() as folder:
        launcher = f"-m torch.distributed.run --standalone --nproc-per-node {count} -m ibtrain"
        where = ["--data-root", data_root, "--run-dir", f"{folder}/run"]
        peak = 0
        with subprocess.Popen(
            [sys.executable, *launcher.split(), *COMMAND.split(), *where],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        ) as process:
            while process.poll() is None:
                peak = max(peak, memory_of(process.pid))
                time.sleep(INTERVAL)
        if process.returncode:
            raise click.ClickException(f"torchrun ended with {process.returncode}")
    return {"processes": count, "peak_mib": peak >> 20}


@click.command()
@click.option("--processes", type=CommaSeparated(int), default="1,2,4")
@click.option("--data-root", required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(processes: tuple[int, ...], data_root: str, output: Path | None) -> None:
    """Measure each number of processes."""
    rows = [measure(count, data_root) for count in processes]
    lines = [[str(row["processes"]), str(row["peak_mib"])] for row in rows]
    click.echo(markdown_table([["processes", "MiB"], *lines]))
    if output:
        write_json(output, {"environment": environment("cpu", 1), "rows": rows}, indent=2)


if __name__ == "__main__":
    main()
