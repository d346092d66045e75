"""Critics that read a block's output of any shape; those of classes pool feature maps first."""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.config import ObjectiveConfig
from ibtrain.mi.neural.critics import ClassCritic, PairCritic
from ibtrain.mi.neural.map_critic import FeatureMapCritic
from ibtrain.train.objectives.base import BlockSpec

__all__ = [
    "FlatPairCritic",
    "WindowMeans",
    "class_critic",
    "class_scorer",
    "features_read",
    "means_read",
    "pair_critic",
    "pooling",
]

MAX_SIDE = 4
"""Largest height and width of a feature map that a critic reads; larger maps are average-pooled."""
MAX_FEATURES = 2048
"""Largest number of features of a feature map that a critic reads."""


def features_read(shape: Sequence[int]) -> int:
    """Number of features that a critic reads of an output.

    Args:
        shape: Shape of the output, without the batch.
    """
    if len(shape) != 3:
        return math.prod(shape)
    return _means(shape, _window(shape))


def class_scorer(spec: BlockSpec, config: ObjectiveConfig) -> nn.Module:
    """Scores the classes: an output block's own outputs, or a critic that reads a hidden block.

    Args:
        spec: The block's place, and the shape of h.
        config: ``critic_width`` is the width of the critic's hidden layer.
    """
    if spec.is_output:
        return nn.Identity()
    return class_critic(spec.shape, spec.num_classes, config.critic_hidden(spec.index, spec.count))


def class_critic(shape: Sequence[int], num_classes: int, hidden: Sequence[int]) -> nn.Module:
    """A critic that scores every class at once.

    Args:
        shape: Shape of h, without the batch.
        num_classes: Number of classes.
        hidden: Widths of the hidden layers.
    """
    critic = ClassCritic(features_read(shape), num_classes, hidden)
    return critic if len(shape) == 1 else nn.Sequential(*pooling(shape), critic)


def pair_critic(shape: Sequence[int], width: int) -> nn.Module:
    """A critic that scores pairs (h, t), where t is h with noise.

    Args:
        shape: Shape of h and of t, without the batch.
        width: Number of hidden units, or of channels for feature maps.
    """
    if len(shape) == 3:
        return FeatureMapCritic(shape, width)
    features = math.prod(shape)
    critic = PairCritic(features, features, [width], same_space=True)
    return critic if len(shape) == 1 else FlatPairCritic(critic)


class FlatPairCritic(nn.Module):
    """A pair critic that reads tensors of any shape as vectors.

    Args:
        critic: Reads the vectors.
    """

    def __init__(self, critic: PairCritic) -> None:
        super().__init__()
        self.critic = critic

    def forward(
        self, h: Float[Tensor, "batch *shape"], t: Float[Tensor, "batch *shape"]
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Scores of the true pairs, and of pairs from the product of the marginals."""
        scores: tuple[Tensor, Tensor] = self.critic(h.flatten(1), t.flatten(1))
        return scores


def pooling(shape: Sequence[int]) -> list[nn.Module]:
    """Layers that map an output to the vector that a critic reads.

    Args:
        shape: Shape of the output, without the batch.
    """
    means = means_read(shape)
    return [nn.Flatten()] if isinstance(means, nn.Identity) else [means, nn.Flatten()]


def means_read(shape: Sequence[int]) -> nn.Module:
    """The means of an output that critics of classes and of pairs of a class read; all of it if it is small.

    Args:
        shape: Shape of the output, without the batch.

    Returns:
        A linear layer without weights, which leaves means as they are.
    """
    window = _window(shape) if len(shape) == 3 else 1
    return WindowMeans(shape, window) if window > 1 else nn.Identity()


class WindowMeans(nn.Module):
    """The means of feature maps over square windows; of means, themselves.

    Args:
        shape: Shape of a feature map.
        window: Side of the windows.
    """

    def __init__(self, shape: Sequence[int], window: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(window, ceil_mode=True)
        self.height, self.width = (math.ceil(side / window) for side in shape[1:])

    # torch.jit.script can't read annotations of shapes
    def forward(self, maps: Tensor) -> Tensor:
        """Means ``(batch, channels, rows, columns)`` of maps ``(batch, channels, height, width)``."""
        # several processes gather means, not maps
        if maps.size(-2) == self.height and maps.size(-1) == self.width:
            return maps
        means: Tensor = self.pool(maps)
        return means


def _window(shape: Sequence[int]) -> int:
    """Side of the smallest window with at most 4 x 4 and :data:`MAX_FEATURES` means; at most the whole map."""
    window = math.ceil(max(shape[1:]) / MAX_SIDE)
    while window < max(shape[1:]) and _means(shape, window) > MAX_FEATURES:
        window += 1
    return window


def _means(shape: Sequence[int], window: int) -> int:
    """Number of windows in the map, over all channels."""
    channels, *sides = shape
    return channels * math.prod(math.ceil(side / window) for side in sides)
