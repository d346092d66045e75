"""What several processes of this machine save of a training step of one network, beside what its operations say, and of a point of the plane.

    python benchmarks/data_parallel.py -o benchmarks/records/data-parallel.json

Blocks are evaluated for the rows of each process, critics for all rows in every process: operations are counted in the first process
(torch's FlopCounterMode). One process, several, and as many that exchange nothing train in turns, each process with one thread: the last tell
what the cores take from each other. The plane's measures are shared whole: those of all layers, as with backprop, or of one layer, as in sequential training.
"""

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
import torch.distributed as dist
from cost_model import BATCH, counted, seconds_of
from torch import nn
from torch.multiprocessing.spawn import spawn

from ibtrain import (
    Dataset,
    InformationPlane,
    LayerwiseTrainer,
    ObjectiveConfig,
    OptimConfig,
    PlaneConfig,
    data_parallel,
    mlp,
)
from ibtrain.backend.environment import environment
from ibtrain.cli.declared import CommaSeparated
from ibtrain.config import ModelConfig
from ibtrain.io.files import write_json
from ibtrain.models.blocks import block_outputs
from ibtrain.models.build import create_network
from ibtrain.train.loop import EpochLoop
from ibtrain.train.objectives.critics import features_read
from ibtrain.train.training import Training

CLASSES = 10
Work = Callable[[], dict[str, float]]


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


def measure_plane(layers: tuple[str, ...]) -> dict[str, float]:
    """Seconds of a point of layers of MNIST's network, with the default measures and numbers of samples."""
    torch.set_num_threads(1)
    config = PlaneConfig()
    draws = torch.Generator().manual_seed(0)
    y = torch.arange(config.train_samples + config.samples) % CLASSES
    x = torch.randn(CLASSES, 784, generator=draws)[y] + torch.randn(len(y), 784, generator=draws)
    fitted, held_out = slice(config.train_samples), slice(config.train_samples, None)
    data, train = (x[held_out], y[held_out]), (x[fitted], y[fitted])
    plane = InformationPlane.watch(dense(), data, layers, config.measures, train=train)
    # the first point of critics takes three times as many steps
    plane.measure(epoch=0)
    start = time.perf_counter()
    plane.measure(epoch=1)
    return {"seconds": time.perf_counter() - start}


PLANES = {"all layers": ("hidden1", "hidden2", "output"), "one layer": ("hidden1",)}


def _process(rank: int, count: int, work: Work, folder: str, exchanges: bool) -> None:
    dist.init_process_group("gloo", f"file://{folder}/group", rank=rank, world_size=count)
    with data_parallel() if exchanges else nullcontext():
        found = work()
    # the others still train
    dist.barrier()
    if rank == 0:
        write_json(Path(folder) / "found.json", found)
    dist.destroy_process_group()


def in_processes(work: Work, count: int, *, exchanges: bool = True) -> dict[str, float]:
    """What the first of several processes finds, which work together, or each on its own."""
    with tempfile.TemporaryDirectory() as folder:
        spawn(_process, (count, work, folder, exchanges), count)
        found: dict[str, float] = json.loads((Path(folder) / "found.json").read_text())
    return found


def exchanged(name: str, count: int) -> float:
    """MiB that a process receives in a step: what critics read of the other rows of each block's outputs, and the sums of all gradients."""
    make, shape = NETWORKS[name]
    outputs = block_outputs(make(), torch.zeros(2, *shape)).values()
    values = BATCH * sum(features_read(h.shape[1:]) for h in outputs)
    weights = sum(parameter.numel() for parameter in loop_of(name).objective.parameters())
    return 4 * (values + 2 * weights) * (count - 1) / count / 2**20


def training_row(name: str, count: int, turns: int) -> dict[str, Any]:
    """A step of one process, of several that train together, and of several that exchange nothing."""
    work = partial(measure, name)
    found = [
        [
            in_processes(work, 1),
            in_processes(work, count),
            in_processes(work, count, exchanges=False),
        ]
        for _ in range(turns)
    ]
    one, several, independent = zip(*found, strict=True)
    seconds = [[each["seconds"] for each in group] for group in (one, several, independent)]
    flops = [one[0]["flops"], several[0]["flops"]]
    return {
        "network": name,
        "processes": count,
        "flops": flops,
        "mib_received": exchanged(name, count),
        "seconds": [median(seconds[0]), median(seconds[1])],
        "speedup_flops": flops[0] / flops[1],
        "speedups": [a / b for a, b in zip(seconds[0], seconds[1], strict=True)],
        "speeds_without_exchange": [a / b for a, b in zip(seconds[0], seconds[2], strict=True)],
    }


def plane_row(name: str, count: int, turns: int) -> dict[str, Any]:
    """A point of the plane, measured by one process and by several."""
    work = partial(measure_plane, PLANES[name])
    found = [[in_processes(work, number)["seconds"] for number in (1, count)] for _ in range(turns)]
    return {
        "plane": name,
        "processes": count,
        "seconds": [median(each) for each in zip(*found, strict=True)],
        "speedups": [one / several for one, several in found],
    }


def speedups(row: dict[str, Any]) -> str:
    """Median, smallest and largest of the turns."""
    values = row["speedups"]
    return f"{median(values):.2f} times as fast ({min(values):.2f} to {max(values):.2f})"


@click.command()
@click.option("--processes", "counts", type=CommaSeparated(int), default="2")
@click.option("--turns", default=7, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(counts: tuple[int, ...], turns: int, output: Path | None) -> None:
    """Time one process and several in turns."""
    rows, planes = [], []
    for name, count in product(NETWORKS, counts):
        rows.append(row := training_row(name, count, turns))
        click.echo(
            f"{name}, {count} processes: {speedups(row)}, operations {row['speedup_flops']:.2f}, {row['mib_received']:.1f} MiB received a step; "
            f"speed of a process beside others without exchange {median(row['speeds_without_exchange']):.2f}"
        )
    for name, count in product(PLANES, counts):
        planes.append(row := plane_row(name, count, turns))
        click.echo(f"plane of {name}, {count} processes: {speedups(row)}, {row['seconds']} s")
    if output:
        record = {"environment": environment("cpu", 1), "rows": rows, "planes": planes}
        write_json(output, record, indent=2)


if __name__ == "__main__":
    main()
