"""What every peer trains: MINE with a concatenating critic on correlated Gaussians, timed by the step.

Only numpy and torch are imported, so that every environment can run it.
"""

import json
import time
from collections.abc import Callable

import numpy as np
import torch

DIM = 20
SAMPLES = 10_000
HIDDEN = (256, 256)
BATCH_SIZE = 256
LEARNING_RATE = 1e-3
FEW, MANY = 100, 600
REPEATS = 5


def samples() -> tuple[torch.Tensor, torch.Tensor]:
    """x and y in 20 dimensions each, of 2 nats."""
    rng = np.random.default_rng(0)
    rho = np.sqrt(1 - np.exp(-2 * 2 / DIM))
    x, noise = rng.standard_normal((2, SAMPLES, DIM), dtype=np.float32)
    return torch.from_numpy(x), torch.from_numpy(rho * x + np.sqrt(1 - rho**2) * noise).float()


def report(peer: str, train: Callable[[int], None]) -> None:
    """Prints steps a second: of the steps that a long training has more than a short one.

    Args:
        peer: Its name.
        train: Sets up and trains for so many steps.
    """
    torch.set_num_threads(1)
    train(FEW)
    rates = []
    for _ in range(REPEATS):
        start = time.process_time()
        train(FEW)
        middle = time.process_time()
        train(MANY)
        seconds = time.process_time() - middle - (middle - start)
        rates.append((MANY - FEW) / seconds)
    print(json.dumps({"peer": peer, "steps_per_second": sorted(rates)}))  # noqa: T201
