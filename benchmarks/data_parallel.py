"""What several processes of this machine save of a training step of one network, beside what its operations say.

    python benchmarks/data_parallel.py -o benchmarks/records/data-parallel.json

Blocks are evaluated for the rows of each process, critics for all rows in every process: operations are counted in the first process
(torch's FlopCounterMode). One process, several, and as many that exchange nothing train in turns, each process with one thread: the last tell
what the cores take from each other.
"""

import json
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
import torch.distributed as dist
from cost_model import BATCH, counted, seconds_of
from torch import nn
from torch.multiprocessing.spawn import spawn

from ibtrain import Dataset, LayerwiseTrainer, ObjectiveConfig, OptimConfig, data_parallel, mlp
from ibtrain.backend.environment import environment
from ibtrain.cli.declared import CommaSeparated
from ibtrain.config import ModelConfig
from ibtrain.io.files import write_json
from ibtrain.models.blocks import block_outputs
from ibtrain.models.build import create_network
from ibtrain.train.loop import EpochLoop
from ibtrain.train.training import Training

CLASSES = 10


def dense() -> nn.Sequential:
    """The network of MNIST."""
    return mlp(784, (500, 256), CLASSES)


def convolutional() -> nn.Sequential:
    """Six convolutions of 16 to 64 channels, of CIFAR-10."""
    config = ModelConfig(kind="vgg", channels=(16, 16, 32, 32, 64, 64), hidden=())
    return create_network(config, (3, 32, 32), CLASSES, 0)


NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...]]] = {
    "784-500-256-10": (dense, (784,)),
    "six convolutions": (convolutional, (3, 32, 32)),
}


def loop_of(name: str) -> EpochLoop:
    """A training of all blocks side by side."""
    make, shape = NETWORKS[name]
    x = torch.randn(4 * BATCH, *shape, generator=torch.Generator().manual_seed(0))
    data = Dataset.from_arrays(x, torch.arange(len(x)) % CLASSES)
    objective = ObjectiveConfig(order="simultaneous", beta=0.0)
    optim = OptimConfig(epochs=1, batch_size=BATCH, learning_rate=1e-3)
    trainer = LayerwiseTrainer(make(), objective, optim, progress=False)
    return Training(trainer, data).begin_stage().loop


def measure(name: str) -> dict[str, float]:
    """Operations of a step in this process for a sample of the batch, and the seconds of a step."""
    torch.set_num_threads(1)
    loop = loop_of(name)
    return {"flops": counted(loop), "seconds": seconds_of(loop)}


def _process(rank: int, count: int, name: str, folder: str, exchanges: bool) -> None:
    dist.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=count)
    with data_parallel() if exchanges else nullcontext():
        found = measure(name)
    # the others still train
    dist.barrier()
    if rank == 0:
        write_json(Path(folder) / "found.json", found)
    dist.destroy_process_group()


def in_processes(name: str, count: int, *, exchanges: bool = True) -> dict[str, float]:
    """What the first of several processes finds, which train one network, or a network each."""
    with tempfile.TemporaryDirectory() as folder:
        spawn(_process, (count, name, folder, exchanges), count)
        found: dict[str, float] = json.loads((Path(folder) / "found.json").read_text())
    return found


def exchanged(name: str, count: int) -> float:
    """MiB that a process receives in a step: the other rows of each block's outputs, and the sums of all gradients."""
    make, shape = NETWORKS[name]
    outputs = block_outputs(make(), torch.zeros(2, *shape)).values()
    values = BATCH * sum(h[0].numel() for h in outputs)
    weights = sum(parameter.numel() for parameter in loop_of(name).objective.parameters())
    return 4 * (values + 2 * weights) * (count - 1) / count / 2**20


@click.command()
@click.option("--processes", "counts", type=CommaSeparated(int), default="2")
@click.option("--turns", "turns_of_each", default=7, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(counts: tuple[int, ...], turns_of_each: int, output: Path | None) -> None:
    """Time one process and several in turns."""
    rows: list[dict[str, Any]] = []
    for name in NETWORKS:
        turns, independent = [], []
        for _ in range(turns_of_each):
            turns.append([in_processes(name, count) for count in (1, *counts)])
            independent.append([in_processes(name, count, exchanges=False) for count in counts])
        for index, count in enumerate(counts, 1):
            rows.append(
                {
                    "network": name,
                    "processes": count,
                    "flops": [turns[0][0]["flops"], turns[0][index]["flops"]],
                    "mib_received": exchanged(name, count),
                    "seconds": [median(turn[at]["seconds"] for turn in turns) for at in (0, index)],
                    "speedup_flops": turns[0][0]["flops"] / turns[0][index]["flops"],
                    "speedups": [turn[0]["seconds"] / turn[index]["seconds"] for turn in turns],
                    "speeds_without_exchange": [
                        turn[0]["seconds"] / other[index - 1]["seconds"]
                        for turn, other in zip(turns, independent, strict=True)
                    ],
                }
            )
            click.echo(
                f"{name}, {count} processes: {median(rows[-1]['speedups']):.2f} times as fast "
                f"({min(rows[-1]['speedups']):.2f} to {max(rows[-1]['speedups']):.2f}), operations {rows[-1]['speedup_flops']:.2f}, "
                f"{rows[-1]['mib_received']:.1f} MiB received a step; speed of a process beside others without exchange "
                f"{median(rows[-1]['speeds_without_exchange']):.2f}"
            )
    if output:
        write_json(output, {"environment": environment("cpu", 1), "rows": rows}, indent=2)


if __name__ == "__main__":
    main()
