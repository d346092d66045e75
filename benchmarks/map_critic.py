"""Bounds of two critics on the noisy outputs of untrained convolutions, beside the exact value.

    python benchmarks/map_critic.py --data-root ../shared/data -o benchmarks/records/map-critic.json

One critic reads means of windows, as those of classes do; the other one is the critic of the compression term. Both train on 2,000
images of CIFAR-10, and are evaluated on 1,000 others.
"""

import time
from itertools import product
from pathlib import Path

import click
import torch
from torch import Tensor, nn

from ibtrain import channel_mi, load_dataset
from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.io.files import write_json
from ibtrain.mi.bounds.base import log_mean_exp
from ibtrain.mi.neural.critics import PairCritic
from ibtrain.mi.neural.map_critic import FeatureMapCritic
from ibtrain.train.objectives.critics import features_read, pooling

TRAIN = 2000
BATCH = 128
STEPS = 300
NOISES = (0.1, 0.3)
"""Standard deviations of the noise, as shares of the radius of the outputs."""


class PooledCritic(nn.Module):
    """A dense pair critic that reads means of windows.

    Args:
        shape: Shape of the maps.
    """

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.pooling = nn.Sequential(*pooling(shape))
        count = features_read(shape)
        self.critic = PairCritic(count, count, [64], same_space=True)

    def forward(self, h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of true pairs and of others."""
        joint, marginal = self.critic(self.pooling(h), self.pooling(t))
        return joint, marginal


def bound(critic: nn.Module, h: Tensor, sigma: float) -> Tensor:
    """The Donsker-Varadhan bound on I(h; t) of a batch, in nats."""
    joint, marginal = critic(h, h + sigma * torch.randn_like(h))
    value: Tensor = joint.mean() - log_mean_exp(marginal)
    return value


def held_out_bound(critic: nn.Module, h: Tensor, sigma: float) -> tuple[float, float]:
    """The bound on the last outputs after a training on the first ones, and the milliseconds of a step."""
    train, test = h[:TRAIN], h[TRAIN:]
    optimizer = torch.optim.Adam(critic.parameters(), 1e-3)
    start = time.process_time()
    for _ in range(STEPS):
        optimizer.zero_grad()
        (-bound(critic, train[torch.randint(TRAIN, (BATCH,))], sigma)).backward()
        optimizer.step()
    seconds = time.process_time() - start
    with torch.no_grad():
        return bound(critic, test, sigma).item(), 1000 * seconds / STEPS


def blocks() -> dict[str, nn.Sequential]:
    """Untrained convolutions of one and of three layers."""
    first = [nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()]
    second = [nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)]
    third = [nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
    return {"1 convolution": nn.Sequential(*first), "3 convolutions": nn.Sequential(*first, *second, *third)}  # fmt: skip


@click.command()
@click.option("--data-root", type=click.Path(path_type=Path), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(data_root: Path, output: Path | None) -> None:
    """Train both critics on two blocks at two noises, with one thread."""
    x = load_dataset("cifar10", data_root, train_samples=TRAIN + 1000).train.x
    torch.manual_seed(0)
    rows = []
    with threads(1):
        for (name, block), share in product(blocks().items(), NOISES):
            with torch.no_grad():
                h = block(x)
            sigma = float(share * h.flatten(1).var(0).sum().sqrt())
            row = {"block": name, "noise": share}
            row["exact"] = channel_mi(h[TRAIN:].flatten(1), sigma).mi_xt.mi
            for kind in (PooledCritic, FeatureMapCritic):
                value, milliseconds = held_out_bound(kind(h.shape[1:]), h, sigma)
                row |= {kind.__name__: value, f"{kind.__name__}_milliseconds": milliseconds}
            rows.append(row)
            click.echo(row)
    if output:
        write_json(output, {"environment": environment("cpu", 1), "rows": rows}, indent=2)


if __name__ == "__main__":
    main()
