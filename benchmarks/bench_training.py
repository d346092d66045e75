"""How long an epoch of either method takes, and a point of the known-noise reference.

pytest benchmarks/bench_training.py --benchmark-only -o python_files='bench_*.py' -o python_functions='bench_*'
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ibtrain.config import OptimConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.mi.channel import channel
from ibtrain.models.mlp import mlp
from ibtrain.train.endtoend import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer

Benchmark = Callable[..., Any]


def images(count: int = 12_800) -> Dataset:
    """Random samples of MNIST's shape; the time of a step does not depend on what they show."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 784, generator=generator)
    y = torch.randint(10, (count,), generator=generator)
    return Dataset("random", Split(x, y), Split(x[:100], y[:100]), 10)


@pytest.mark.parametrize("batch_size", [128, 512])
@pytest.mark.parametrize("trainer", [LayerwiseTrainer, EndToEndTrainer])
def bench_epoch(benchmark: Benchmark, trainer: Any, batch_size: int) -> None:
    data = images()
    optim = OptimConfig(learning_rate=1e-3, batch_size=batch_size, epochs=1)
    benchmark(lambda: trainer(mlp(784, (500, 256), 10), optim=optim).fit(data))


@pytest.mark.parametrize("dim", [10, 500])
def bench_channel(benchmark: Benchmark, dim: int) -> None:
    h = torch.randn(4000, dim, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(4000) % 10
    benchmark(lambda: channel(h, 0.5, labels))
