"""64 small critics as one beside the same critics one after another, in turns on one core.

python benchmarks/stacked.py [-o RECORD.json]
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

from ibtrain.device import threads
from ibtrain.environment import environment
from ibtrain.files import write_json
from ibtrain.mi.critics import PairCritic
from ibtrain.mi.mine import InputMine

COUNT, DIM, HIDDEN, BATCH_SIZE = 64, 10, (64, 64), 256
TURNS = 9


def pair_critic(dim: int) -> PairCritic:
    return PairCritic(dim, dim, HIDDEN, same_space=True)


def trainer(count: int) -> Callable[[int], None]:
    """Trains so many critics as one, each on its own samples, for a number of steps."""
    mine = InputMine(DIM, [0.5] * count, 0, torch.device("cpu"), pair_critic)
    h = torch.randn(count, 2000, DIM, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(2000, dtype=torch.long)
    return lambda steps: mine.fit(h, labels, steps=steps, batch_size=BATCH_SIZE)


def seconds_a_step(train: Callable[[int], None], few: int) -> float:
    """Of the steps that a long training has more than a short one, by the processor's time."""
    start = time.process_time()
    train(few)
    middle = time.process_time()
    train(3 * few)
    return (time.process_time() - middle - (middle - start)) / (2 * few)


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(output: Path | None) -> None:
    """Times both in turns, so that neither has the quiet minute."""
    turns: list[dict[str, Any]] = []
    with threads(1):
        stacked, alone = trainer(COUNT), trainer(1)
        for _ in range(TURNS + 1):
            turn = {"stacked": seconds_a_step(stacked, 40), "alone": seconds_a_step(alone, 800)}
            turns.append({**turn, "ratio": COUNT * turn["alone"] / turn["stacked"]})
    # the first warms up
    ratios = sorted(turn["ratio"] for turn in turns[1:])
    record = {
        "environment": environment("cpu", 1),
        "seconds_a_step": turns[1:],
        "ratio": statistics.median(ratios),
    }
    click.echo(
        f"{COUNT} critics as one are {record['ratio']:.2f} x as fast as one after another "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f} in {TURNS} turns)"
    )
    if output:
        write_json(output, record)


if __name__ == "__main__":
    main()
