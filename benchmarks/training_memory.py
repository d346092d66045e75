"""Memory and speed of layer-wise training against the number of samples, which lie on the disk.

    python benchmarks/training_memory.py --samples 100000,1000000,10000000 -o RECORD.json

Ten classes of Gaussian samples of 64 float32 values are written to an npy folder chunk by chunk. For each count, a process of its
own loads them by name and trains a network of two layers for one epoch a block. What samples take more than an eighth of the memory
that the process may have is in mapped files. ``--prefix "systemd-run --scope -p MemoryMax=2G"`` limits the memory of that process,
the system's cache of its files included.

Memory is read every 20 ms from /proc (Linux): the anonymous pages, which are the process's own; pages of mapped files can be given
back at any time, and are told apart.
"""

import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from page_parts import markdown_table
from scaling import peak_memory

from ibtrain import LayerwiseTrainer, OptimConfig, load_dataset, mlp
from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.backend.memory import host_memory
from ibtrain.cli.declared import CommaSeparated
from ibtrain.io.files import write_json

DIM, CLASSES, HIDDEN, BATCH = 64, 10, (64, 32), 512
CHUNK = 1 << 17
COUNTS = "100000,1000000,10000000"


def write_samples(folder: Path, count: int) -> None:
    """x.npy and y.npy, a chunk at a time; labels are nearly sorted, so that an order that mixes too little would show."""
    rng = np.random.default_rng(0)
    means = rng.standard_normal((CLASSES, DIM), np.float32)
    labels = (np.arange(count) * CLASSES // count).astype(np.int64)
    np.save(folder / "y.npy", labels)
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (count, DIM))
    for start in range(0, count, CHUNK):
        part = labels[start : start + CHUNK]
        x[start : start + CHUNK] = means[part] + 3 * rng.standard_normal(
            (len(part), DIM), np.float32
        )


def measure(folder: Path) -> dict[str, Any]:
    """Loads the samples, and trains on them: seconds, memory, accuracy."""
    start = time.perf_counter()
    with peak_memory() as loading:
        data = load_dataset(f"npy:{folder}")
    loaded = time.perf_counter() - start
    torch.manual_seed(0)
    model = mlp(DIM, HIDDEN, CLASSES)
    optim = OptimConfig(epochs=1, batch_size=BATCH, learning_rate=1e-3)
    trainer = LayerwiseTrainer(model, optim=optim, progress=False)
    start = time.perf_counter()
    with peak_memory() as training:
        result = trainer.fit(data)
    seconds = time.perf_counter() - start
    return {
        "samples": len(data.train),
        "memory_limit_mib": host_memory() >> 20,
        "samples_mib": data.train.x.nbytes >> 20,
        "seconds_loading": loaded,
        "seconds_training": seconds,
        "samples_per_second": len(data.train) * (len(HIDDEN) + 1) / seconds,
        "peak_loading_mib": loading,
        "peak_training_mib": training,
        "test_accuracy": result.accuracies["test"],
    }


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each count."""
    lines = [
        [
            "training samples",
            "MiB of them",
            "memory allowed, MiB",
            "own memory, loading",
            "training",
            "s loading",
            "samples a second",
            "test accuracy",
        ]
    ]
    for row in rows:
        cells = [
            f"{row['samples']:,}",
            f"{row['samples_mib']:,}",
            f"{row['memory_limit_mib']:,}",
            *(f"{row[f'peak_{when}_mib']['RssAnon']:,}" for when in ("loading", "training")),
            f"{row['seconds_loading']:.0f}",
            f"{row['samples_per_second']:,.0f}",
            f"{row['test_accuracy']:.4f}",
        ]
        lines.append(cells)
    return markdown_table(lines)


@click.command()
@click.option("--samples", "counts", type=CommaSeparated(int), default=COUNTS)
@click.option("--prefix", default="", help="A command that starts the measured process.")
@click.option("-o", "--output", type=click.Path(path_type=Path))
@click.option("--measure", "folder", type=click.Path(path_type=Path), hidden=True)
def main(counts: tuple[int, ...], prefix: str, output: Path | None, folder: Path | None) -> None:
    """Measure training on every count."""
    if folder:
        with threads(1):
            click.echo(json.dumps(measure(folder)))
        return
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as scratch:
            write_samples(Path(scratch), count)
            command = [*shlex.split(prefix), sys.executable, __file__, "--measure", scratch]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        click.echo(table(rows[-1:]).splitlines()[-1], err=True)
    click.echo(table(rows))
    if output:
        write_json(output, {"environment": environment("cpu", 1), "rows": rows}, indent=2)


if __name__ == "__main__":
    main()
