"""The pair critic of feature maps."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from ibtrain.mi.neural.critics import PairCritic
from ibtrain.train.objectives.critics import pair_critic, pooling
from ibtrain.train.objectives.map_critic import MapPairCritic

SHAPE = (2, 8, 8)
NOISE = 6.0


class Pooled(nn.Module):
    """A critic that reads means over 2 x 2 windows."""

    def __init__(self) -> None:
        super().__init__()
        self.pooling = nn.Sequential(*pooling(SHAPE))
        self.critic = PairCritic(32, 32, [64], same_space=True)

    def forward(self, h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        scores: tuple[Tensor, Tensor] = self.critic(self.pooling(h), self.pooling(t))
        return scores


def pairs(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    h, noise = torch.randn(2, count, *SHAPE, generator=generator)
    return h, h + NOISE * noise


def bound(critic: nn.Module, steps: int = 400) -> float:
    """The Donsker-Varadhan bound on fresh samples, after training on others."""
    generator = torch.Generator().manual_seed(0)

    def dv(count: int) -> Tensor:
        joint, marginal = critic(*pairs(count, generator))
        value: Tensor = joint.mean() - (marginal.logsumexp(0) - math.log(count))
        return value

    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        (-dv(128)).backward()
        optimizer.step()
    with torch.no_grad():
        return dv(8192).item()


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_the_bound_of_noisy_gaussian_maps_is_near_the_closed_form() -> None:
    """Every position has independent noise, which means over windows lose."""
    closed_form = math.prod(SHAPE) / 2 * math.log1p(1 / NOISE**2)
    of_means = closed_form / 4
    value, pooled = bound(MapPairCritic(SHAPE, 64)), bound(Pooled())
    assert pooled < of_means + 0.1
    assert 0.7 * closed_form < value < closed_form + 0.1
    assert value > 2 * pooled


def test_scores_are_the_distances_of_a_slow_reference() -> None:
    critic = MapPairCritic((3, 4, 5), 2)
    nn.init.normal_(critic.heights.weight)
    nn.init.normal_(critic.embed.weight, std=0.1)
    h, t = torch.randn(2, 6, 3, 4, 5)
    u, v = critic.embed(h), critic.embed(t)

    def height(z: Tensor, place: int) -> Tensor:
        weight = critic.heights.weight[place]
        statistics = torch.cat([z.sum((1, 2)) / 20**0.5, z.square().sum((1, 2))])
        return weight @ statistics + critic.heights.bias[place]

    joint, marginal = critic(h, t)
    for scores, shift in ((joint, 0), (marginal, 1)):
        for i, score in enumerate(scores):
            j = (i + shift) % 6
            distance = (u[i] - v[j]).square().sum()
            raw = height(u[i], 0) + height(v[j], 1) - 0.5 * distance
            torch.testing.assert_close(score, 20 * torch.tanh(raw / 20))


def test_a_change_at_any_position_changes_the_score() -> None:
    """A mean over windows does not see values whose sum stays the same."""
    h, t = torch.randn(2, 2, 4, 8, 8)
    changed = t.clone()
    changed[0, 0, 0, 0] += 1
    changed[0, 0, 0, 1] -= 1
    critic = pair_critic((4, 8, 8), [8])
    assert not torch.allclose(critic(h, t)[0][0], critic(h, changed)[0][0], atol=1e-4)


def test_distances_are_kept_before_training() -> None:
    critic = MapPairCritic((3, 4, 5), 8)
    h, t = torch.randn(2, 6, 3, 4, 5)
    distance = (h - t).square().sum((1, 2, 3)) / (3 * 20)
    torch.testing.assert_close(critic(h, t)[0], 20 * torch.tanh(-0.5 * distance / 20))
