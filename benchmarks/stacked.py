"""64 small critics as one beside the same critics one after another, in turns on one core or on a GPU.

python benchmarks/stacked.py [--device cuda] [-o RECORD.json]
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

from ibtrain.backend.device import choose_device, threads
from ibtrain.backend.environment import environment
from ibtrain.config import DEVICES
from ibtrain.io.files import write_json
from ibtrain.mi.neural.critics import PairCritic
from ibtrain.mi.neural.mine import InputMine

COUNT, DIM, HIDDEN, BATCH_SIZE = 64, 10, (64, 64), 256
TURNS = 9


def pair_critic(dim: int) -> PairCritic:
    return PairCritic(dim, dim, HIDDEN, same_space=True)


def trainer(count: int, device: torch.device) -> Callable[[int], None]:
    """Trains so many critics as one, each on its own samples, for a number of steps."""
    mine = InputMine(DIM, [0.5] * count, 0, device, pair_critic)
    h = torch.randn(count, 2000, DIM, generator=torch.Generator().manual_seed(0)).to(device)
    labels = torch.zeros(2000, dtype=torch.long, device=device)
    return lambda steps: mine.fit(h, labels, steps=steps, batch_size=BATCH_SIZE)


def now(device: torch.device) -> float:
    """The processor's time; on another device the clock's, when it has done all it was given."""
    if device.type == "cpu":
        return time.process_time()
    torch.accelerator.synchronize(device)
    return time.perf_counter()


def seconds_a_step(train: Callable[[int], None], few: int, device: torch.device) -> float:
    """Of the steps that a long training has more than a short one."""
    start = now(device)
    train(few)
    middle = now(device)
    train(3 * few)
    return (now(device) - middle - (middle - start)) / (2 * few)


def measure(device: torch.device) -> dict[str, Any]:
    """Times both in turns, so that neither has the quiet minute."""
    turns: list[dict[str, float]] = []
    stacked, alone = trainer(COUNT, device), trainer(1, device)
    for _ in range(TURNS + 1):
        turn = {
            "stacked": seconds_a_step(stacked, 40, device),
            "alone": seconds_a_step(alone, 800, device),
        }
        turns.append({**turn, "ratio": COUNT * turn["alone"] / turn["stacked"]})
    # the first warms up
    return {
        "seconds_a_step": turns[1:],
        "ratio": statistics.median(turn["ratio"] for turn in turns[1:]),
    }


@click.command()
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(device: str, output: Path | None) -> None:
    """Says how many times as fast a stack is."""
    chosen = choose_device(device)
    with threads(1):
        found = measure(chosen)
    ratios = sorted(turn["ratio"] for turn in found["seconds_a_step"])
    click.echo(
        f"{COUNT} critics as one are {found['ratio']:.2f} x as fast as one after another "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f} in {TURNS} turns)"
    )
    if output:
        write_json(output, {"environment": environment(str(chosen), 1), **found})


if __name__ == "__main__":
    main()
