"""Critics that read outputs of any shape, and stay small."""

import math

import pytest
import torch
from torch import nn

from ibtrain.config import OBJECTIVES, ObjectiveConfig
from ibtrain.train.objectives import BlockSpec, make_objective
from ibtrain.train.objectives.critics import (
    MAX_FEATURES,
    MAX_SIDE,
    class_critic,
    features_read,
    means_read,
    pair_critic,
)
from ibtrain.train.objectives.cross_entropy import CrossEntropy

SHAPES = [(7,), (5, 4), (3, 5, 5), (64, 32, 32), (64, 1, 4096), (4096, 3, 3), (2, 200, 7)]


@pytest.mark.parametrize("shape", SHAPES)
def test_critics_read_a_bounded_number_of_means(shape: tuple[int, ...]) -> None:
    h, t = torch.randn(2, 4, *shape, generator=torch.Generator().manual_seed(0))
    assert class_critic(shape, 3, [8])(h).shape == (4, 3)
    joint, marginal = pair_critic(shape, 8)(h, t)
    assert joint.shape == (4,)
    # feature maps are compared with those of all other pairs
    assert marginal.shape == ((4, 3) if len(shape) == 3 else (4,))
    # a mean for each channel is the least that can be read
    assert features_read(shape) <= max(MAX_FEATURES, shape[0])
    small = math.prod(shape) <= MAX_FEATURES and max([*shape[1:], 1]) <= MAX_SIDE
    assert (features_read(shape) == math.prod(shape)) == small
    if len(shape) == 3:
        assert features_read(shape) <= shape[0] * MAX_SIDE**2


MAPS = BlockSpec((64, 32, 32), torch.zeros(10), index=0, count=3)


def test_several_processes_gather_means_where_the_loss_reads_no_more() -> None:
    """The kernel objectives read whole maps."""
    for name in OBJECTIVES:
        objective = make_objective(name, nn.Identity(), MAPS, ObjectiveConfig(name=name, beta=0.0))
        assert (objective.means is None) == (name in ("hsic", "renyi")), name


def test_a_subclass_has_to_say_that_it_reads_means() -> None:
    class Whole(CrossEntropy):
        def scores(self, h: torch.Tensor) -> torch.Tensor:
            return super().scores(h * h.flatten(1).amax(1)[:, None, None, None])

    class Sum(CrossEntropy):
        reads_means = True

    config = ObjectiveConfig(name="cross-entropy")
    assert Whole(nn.Identity(), MAPS, config).means is None
    assert Sum(nn.Identity(), MAPS, config).means is not None


@pytest.mark.parametrize("name", ["ib", "cross-entropy"])
def test_a_large_feature_map_gets_no_large_critic(name: str) -> None:
    spec = BlockSpec((64, 32, 32), torch.zeros(10), index=0, count=3)
    objective = make_objective(name, nn.Identity(), spec, ObjectiveConfig())
    # 256 and 64 hidden units of 65,536 values would be 25 million weights
    assert sum(parameter.numel() for parameter in objective.parameters()) < 1e6


def test_what_is_read_of_a_map_is_means_of_its_windows() -> None:
    shape = (64, 32, 32)
    h = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    critic = class_critic(shape, 3, [])
    window = 8
    means = torch.stack(
        [
            h[:, :, i : i + window, j : j + window].mean(dim=(2, 3))
            for i in range(0, 32, window)
            for j in range(0, 32, window)
        ],
        dim=2,
    )
    linear = critic[-1]  # type: ignore[index]
    torch.testing.assert_close(critic(h), linear(means.flatten(1)))
    # several processes gather the means
    read = means_read(shape)(h)
    torch.testing.assert_close(read.flatten(1), means.flatten(1))
    torch.testing.assert_close(critic(read), critic(h), rtol=0, atol=0)


def test_cross_entropy_is_that_of_the_class_scores() -> None:
    spec = BlockSpec((5,), torch.zeros(3), index=0, count=4)
    objective = make_objective("cross-entropy", nn.Linear(4, 5), spec, ObjectiveConfig(), seed=1)
    x, y = torch.randn(9, 4, generator=torch.Generator().manual_seed(0)), torch.arange(9) % 3
    loss, metrics = objective(x, y)
    log_p = objective.scores(objective.block(x)).log_softmax(1)
    torch.testing.assert_close(loss, -log_p[torch.arange(9), y].mean())
    assert metrics["train_accuracy"] == (log_p.argmax(1) == y).float().mean()


@pytest.mark.parametrize("shape", SHAPES)
def test_means_are_left_as_they_are(shape: tuple[int, ...]) -> None:
    read = means_read(shape)
    means = read(torch.randn(4, *shape, generator=torch.Generator().manual_seed(0)))
    assert means[0].numel() == features_read(shape)
    torch.testing.assert_close(read(means), means, rtol=0, atol=0)
