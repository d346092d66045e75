"""Many short comparisons in one process: do memory, open files and threads stay where they are?

python benchmarks/soak.py [--runs 200] [-o RECORD.json]

Each is a whole `ibtrain compare`: a run folder, both methods, checkpoints, the plane, results and pictures.
"""

import contextlib
import io
import json
import os
import statistics
import tempfile
import threading
from pathlib import Path

import click

from ibtrain.backend.environment import environment
from ibtrain.cli.execute import execute
from ibtrain.config import ModelConfig, OptimConfig, PlaneConfig, RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.io.files import write_json

CONFIG = RunConfig(
    seeds=(0,),
    model=ModelConfig(hidden=(12, 8)),
    layerwise=OptimConfig(epochs=2),
    end_to_end=OptimConfig(epochs=2),
    plane=PlaneConfig(points=3, samples=100, train_samples=200, critic_steps=5, batch_size=32),
    device="cpu",
    threads=1,
)
WARM_UP = 20
"""Runs after which everything that is made once has been made."""


def state() -> dict[str, float]:
    """What this process holds of the machine."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "resident_mib": pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20),
        "open_files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "python_threads": threading.active_count(),
    }


def compare(folder: Path) -> None:
    """One run, whose tables and progress nobody reads."""
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        execute(CONFIG, folder, as_json=True, interval=CheckpointInterval(epochs=1))


@click.command()
@click.option("--runs", type=click.IntRange(min=WARM_UP + 2), default=200, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(runs: int, output: Path | None) -> None:
    """Runs them and looks after each."""
    states = []
    for number in range(runs):
        with tempfile.TemporaryDirectory() as scratch:
            compare(Path(scratch) / "run")
        states.append(state())
        if number % 20 == 0:
            click.echo(f"{number}: {states[-1]}")
    settled = [own["resident_mib"] for own in states[WARM_UP:]]
    middle = len(settled) // 2
    growth = statistics.median(settled[middle:]) - statistics.median(settled[:middle])
    summary = {
        "runs": runs,
        "resident_mib_after_warm_up": settled[0],
        "resident_mib_at_the_end": settled[-1],
        "median_growth_between_halves_mib": growth,
        **{
            name: [min(own[name] for own in states[WARM_UP:]), max(own[name] for own in states)]
            for name in ("open_files", "threads")
        },
    }
    click.echo(json.dumps(summary))
    if output:
        record = {"environment": environment("cpu", 1), **summary, "states": states}
        write_json(output, record)


if __name__ == "__main__":
    main()
