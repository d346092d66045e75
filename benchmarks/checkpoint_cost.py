"""What keeping a run's state adds to its training.

python benchmarks/checkpoint_cost.py [--dataset mnist --data-root ../shared/data] [--every 1m] [-o RECORD.json]
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from ibtrain.backend.environment import environment
from ibtrain.config import RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.config.recipes import plane_recipe
from ibtrain.io.files import write_json
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.runs.execution import Run
from ibtrain.runs.setup import RunSetup
from ibtrain.train.checkpointer import State


class Timed(Checkpoints):
    """Checkpoints that know the seconds each took, its state included."""

    seconds: list[float]

    def after_epoch(self, state: Callable[[], State]) -> None:
        start = time.perf_counter()
        super().after_epoch(state)
        self.seconds.append(time.perf_counter() - start)

    def after_stage(self, state: Callable[[], State]) -> None:
        start = time.perf_counter()
        super().after_stage(state)
        self.seconds.append(time.perf_counter() - start)


@click.command()
@click.option("--dataset", default="digits", show_default=True)
@click.option("--data-root")
@click.option("--every", default="1m", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(dataset: str, data_root: str | None, every: str, output: Path | None) -> None:
    """Runs a comparison with one seed."""
    plane = plane_recipe(dataset)
    config = RunConfig(dataset=dataset, data_root=data_root, seeds=(0,), plane=plane, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        kept = Timed(Path(folder), CheckpointInterval.parse(every, "--every"))
        kept.seconds = []
        results = Run(RunSetup(config), kept).train()
    training = sum(own.seconds for each in results.methods.values() for own in each)
    share = sum(kept.seconds) / training
    click.echo(
        f"{sum(kept.seconds):.3f} s beside {training:.1f} s of training: {100 * share:.2f} %"
    )
    record = {
        "environment": environment("cpu", 1),
        "dataset": dataset,
        "every": every,
        "checkpoint_seconds": kept.seconds,
        "training_seconds": training,
        "share": share,
    }
    if output:
        write_json(output, record)


if __name__ == "__main__":
    main()
