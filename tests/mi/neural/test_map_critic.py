"""The critic of feature maps: its formula, its size, and a bound that the exact value limits."""

import math

import pytest
import torch
from torch import Tensor

from ibtrain import channel_mi
from ibtrain.mi.neural.critics import SCORE_LIMIT
from ibtrain.mi.neural.map_critic import MAX_FEATURES, SIDE, FeatureMapCritic


def maps(shape: tuple[int, ...], count: int) -> Tensor:
    """Smooth random maps that differ from each other in few ways, so that noise of about their size hides some."""
    draws = torch.Generator().manual_seed(0)
    basis = torch.randn(6, *shape, generator=draws)
    return torch.tensordot(torch.randn(count, 6, generator=draws), basis, 1)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 20, 9), (4, 1, 1)])
def test_scores_are_products_of_convolved_maps(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    critic = FeatureMapCritic(shape, 5)
    torch.nn.init.normal_(critic.heights[-1].weight)
    h, t = torch.randn(2, 6, *shape)
    gain = math.exp(critic.log_gain.item())
    u, v = gain * critic.embed(h), gain * critic.embed(t)
    a, b = critic.heights(u / gain)[:, 0], critic.heights(v / gain)[:, 1]
    expected = torch.stack(
        [
            torch.stack(
                [a[i] + b[j] + (u[i] * v[j]).sum() - (u[i] ** 2).sum() / 2 for j in range(6)]
            )
            for i in range(6)
        ]
    )
    expected = SCORE_LIMIT * torch.tanh(expected / SCORE_LIMIT)
    torch.testing.assert_close(critic.matrix(h, t), expected, rtol=1e-4, atol=1e-5)
    joint, marginal = critic(h, t)
    torch.testing.assert_close(joint, expected.diagonal(), rtol=1e-4, atol=1e-5)
    others = expected[~torch.eye(6, dtype=torch.bool)].view(6, 5)
    torch.testing.assert_close(marginal, others, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "shape", [(4, 224, 112), (3, 1, 500), (2048, 7, 7), (1, 30, 9), (2, 32, 28), (2, 17, 18)]
)
def test_a_pair_costs_a_bounded_product_of_all_positions(shape: tuple[int, ...]) -> None:
    maps = torch.zeros(1, *shape, requires_grad=True)
    u = FeatureMapCritic(shape, 64).embed(maps)
    assert u.numel() <= MAX_FEATURES
    assert max(u.shape[2:]) <= SIDE
    (gradient,) = torch.autograd.grad(u.sum(), maps)
    assert gradient.all()


def test_scores_have_the_precision_of_float32_in_bfloat16() -> None:
    torch.manual_seed(0)
    critic = FeatureMapCritic((4, 8, 8))
    with torch.no_grad():
        critic.log_gain += 2
    h = torch.randn(20, 4, 8, 8)
    expected = critic.matrix(h, h)
    # the maps are rounded, their product is not
    rounded = critic.embed.register_forward_hook(lambda *args: args[2].bfloat16().float())
    by_hand = critic.matrix(h, h)
    rounded.remove()
    with torch.autocast("cpu", torch.bfloat16):
        found = critic.matrix(h, h)
    assert found.dtype == torch.float32
    assert (by_hand - expected).abs().max() > 1e-3
    torch.testing.assert_close(found, by_hand, rtol=0, atol=0.05)


# over three seeds the shares are 0.63 to 0.68 and 0.46 to 0.48
@pytest.mark.parametrize(("sigma", "share"), [(3.0, 0.55), (10.0, 0.4)])
def test_the_bound_has_a_share_of_the_exact_value_and_stays_below(
    sigma: float, share: float
) -> None:
    h = maps((4, 12, 12), 2500)
    train, test = h[:1500], h[1500:]
    torch.manual_seed(1)
    critic = FeatureMapCritic((4, 12, 12))
    optimizer = torch.optim.Adam(critic.parameters(), 2e-3)

    def dv(h: Tensor) -> Tensor:
        joint, marginal = critic(h, h + sigma * torch.randn_like(h))
        return joint.mean() - marginal.flatten().logsumexp(0) + math.log(marginal.numel())

    for _ in range(300):
        optimizer.zero_grad()
        (-dv(train[torch.randint(len(train), (128,))])).backward()
        optimizer.step()
    with torch.no_grad():
        bound = dv(test).item()
    exact = channel_mi(test.flatten(1), sigma).mi_xt.mi
    assert share * exact < bound < exact
