"""The cost of a training step as formulas, beside what is counted and measured.

    python benchmarks/cost_model.py -o benchmarks/records/cost-model.json

Operations (a multiplication and an addition are two) are counted by torch's FlopCounterMode, on the CPU for the networks that are
timed and without values for the one of ImageNet's size. A step is timed in turns with matrix products of the shapes of its layers.
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
from page_parts import markdown_table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ibtrain import Dataset, EndToEndTrainer, LayerwiseTrainer, ObjectiveConfig, OptimConfig, mlp
from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.config import ModelConfig
from ibtrain.io.files import write_json
from ibtrain.models.build import create_network
from ibtrain.train.loop import EpochLoop
from ibtrain.train.training import Training

NETWORKS = (
    (64, 64, 64, 10),
    (784, 500, 256, 10),
    (784, 1024, 1024, 1024, 10),
    (1024, 2048, 2048, 100),
)
BATCH = 128
STEPS, TURNS = 20, 9
IMAGENET = ModelConfig(kind="resnet", channels=(64, 64, 128, 256, 512), hidden=())
SIDE, IMAGENET_CLASSES = 224, 1000


def layerwise_flops(widths: Sequence[int], config: ObjectiveConfig) -> list[int]:
    """Operations of a step of each block, for a sample: of its weights, of the critic of classes, and of the critic of pairs."""
    *_, classes = widths
    count = len(widths) - 1
    flops = []
    for index, (dim_x, dim_h) in enumerate(pairwise(widths)):
        # forward, and the gradient of the weights: that of the block's input is not needed
        block = 4 * dim_x * dim_h
        critic = 0
        if index < count - 1:
            layers = [dim_h, *config.critic_hidden(index, count), classes]
            critic = sum(6 * before * after for before, after in pairwise(layers))
        # both members of a pair are embedded; a true pair and one of the product of the marginals are scored
        width = config.pair_critic_width if config.for_blocks("beta", count)[index] else 0
        flops.append(block + critic + 12 * width * dim_h + 12 * width)
    return flops


def backprop_flops(widths: Sequence[int]) -> int:
    """Operations of a step of backprop, for a sample."""
    products = [dim_x * dim_h for dim_x, dim_h in pairwise(widths)]
    return 6 * sum(products) - 2 * products[0]


def loops(widths: Sequence[int], config: ObjectiveConfig) -> tuple[list[EpochLoop], EpochLoop]:
    """The training of each block, and that of backprop."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2 * BATCH * widths[-1], widths[0], generator=rng)
    data = Dataset.from_arrays(x, torch.arange(len(x)) % widths[-1])
    optim = OptimConfig(epochs=1, batch_size=BATCH, learning_rate=1e-3)
    model = mlp(widths[0], widths[1:-1], widths[-1])
    training = Training(LayerwiseTrainer(model, config, optim, progress=False), data)
    blocks = []
    while not training.is_finished:
        blocks.append(training.begin_stage().loop)
        training.finish_stage()
        # a finished block is frozen
        blocks[-1].objective.requires_grad_(True)
    whole = EndToEndTrainer(mlp(widths[0], widths[1:-1], widths[-1]), optim, progress=False)
    return blocks, Training(whole, data).begin_stage().loop


def step(loop: EpochLoop, index: Tensor) -> None:
    """One step, as a training takes it."""
    loss, metrics = loop.objective(*loop.batch(index))
    loop.optimizer.zero_grad()
    loss.backward()
    loop.end_step(loop.step(metrics))


def counted(loop: EpochLoop) -> float:
    """Operations of a step that torch counts in this process, for a sample."""
    with FlopCounterMode(display=False) as counter:
        step(loop, torch.arange(BATCH))
    return int(counter.get_total_flops()) / BATCH


def seconds_of(loop: EpochLoop) -> float:
    """Seconds of a step, of a batch that is the same in every process."""
    index = torch.randperm(len(loop.labels), generator=torch.Generator().manual_seed(0))[:BATCH]
    start = time.perf_counter()
    for _ in range(STEPS):
        step(loop, index)
    return (time.perf_counter() - start) / STEPS


def product_rate(dim_x: int, dim_h: int) -> float:
    """Operations a second of the three matrix products of a layer."""
    x, w, g = torch.randn(BATCH, dim_x), torch.randn(dim_h, dim_x), torch.randn(BATCH, dim_h)
    start = time.perf_counter()
    for _ in range(STEPS):
        x @ w.T, g.T @ x, g @ w
    return STEPS * 6 * BATCH * dim_x * dim_h / (time.perf_counter() - start)


def measure(widths: Sequence[int]) -> dict[str, Any]:
    """Formulas, counts and seconds of a network; ratios are medians over the turns."""
    config = ObjectiveConfig(beta=1e-4)
    blocks, whole = loops(widths, config)
    formulas = [*layerwise_flops(widths, config), backprop_flops(widths)]
    counts = [counted(loop) for loop in (*blocks, whole)]
    layers = list(pairwise(widths))
    weights = [dim_x * dim_h for dim_x, dim_h in layers]
    times, rates = [], []
    for _ in range(TURNS):
        times.append([seconds_of(loop) for loop in (*blocks, whole)])
        # of a network: all operations by all of their seconds
        parts = [
            weight / product_rate(*layer) for weight, layer in zip(weights, layers, strict=True)
        ]
        rates.append(sum(weights) / sum(parts))
    return {
        "widths": list(widths),
        "flops_formula": formulas,
        "flops_counted": counts,
        "seconds_step": [median(turn[index] for turn in times) for index in range(len(formulas))],
        "products_per_second": median(rates),
        "ratio_formula": sum(formulas[:-1]) / formulas[-1],
        "ratio_measured": median(sum(turn[:-1]) / turn[-1] for turn in times),
        "share_layerwise": median(
            BATCH * sum(formulas[:-1]) / sum(turn[:-1]) / rate
            for turn, rate in zip(times, rates, strict=True)
        ),
        "share_backprop": median(
            BATCH * formulas[-1] / turn[-1] / rate for turn, rate in zip(times, rates, strict=True)
        ),
    }


def imagenet() -> list[dict[str, Any]]:
    """Of each block of a network of ImageNet's size: operations of a local step, weights, and values of an output, for a sample."""
    with torch.device("meta"):
        network = create_network(IMAGENET, (3, SIDE, SIDE), IMAGENET_CLASSES, 0)
        x = torch.empty(2, 3, SIDE, SIDE)
        rows = []
        for name, block in network.named_children():
            flops, h = counted_pass(block, x)
            rows.append(
                {
                    "block": name,
                    "flops_local": flops,
                    "weights": sum(parameter.numel() for parameter in block.parameters()),
                    "outputs": h[0].numel(),
                }
            )
            x = h.detach()
        flops, _ = counted_pass(network, torch.empty(2, 3, SIDE, SIDE))
    return [*rows, {"block": "backprop", "flops_local": flops}]


def counted_pass(block: nn.Module, x: Tensor) -> tuple[float, Tensor]:
    """Operations of a pass forward and back, for a sample, and the outputs."""
    with FlopCounterMode(display=False) as counter:
        h = block(x)
        h.sum().backward()
    return int(counter.get_total_flops()) / len(x), h


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each network."""
    lines = [
        [
            "network",
            "layer-wise / backprop: operations",
            "time",
            "rate of its products: layer-wise",
            "backprop",
        ]
    ]
    for row in rows:
        cells = [
            "-".join(map(str, row["widths"])),
            f"{row['ratio_formula']:.2f}",
            f"{row['ratio_measured']:.2f}",
            f"{row['share_layerwise']:.2f}",
            f"{row['share_backprop']:.2f}",
        ]
        lines.append(cells)
    return markdown_table(lines)


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(output: Path | None) -> None:
    """Count and measure steps, and count those of ImageNet's size."""
    with threads(1):
        rows = [measure(widths) for widths in NETWORKS]
    blocks = imagenet()
    click.echo(table(rows))
    for block in blocks:
        values = (
            f", {block['outputs']:,} values, {block['weights']:,} weights"
            if "weights" in block
            else ""
        )
        click.echo(f"{block['block']}: {block['flops_local'] / 1e9:.2f} G{values}")
    if output:
        document = {"environment": environment("cpu", 1), "rows": rows, "imagenet": blocks}
        write_json(output, document, indent=2)


if __name__ == "__main__":
    main()
