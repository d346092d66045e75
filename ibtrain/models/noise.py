"""Additive Gaussian noise as a layer of a network, and the random layers at the end of a block."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ibtrain.backend.random_layers import RandomLayer, is_random_layer

__all__ = ["GaussianNoise", "split_random_end"]

RESHAPING = (nn.Flatten, nn.Identity, nn.Unflatten)
"""Layers that keep the values of their input and the order of these values."""


class GaussianNoise(RandomLayer):
    r"""Adds Gaussian noise in training, :math:`h + \sigma \epsilon`; the identity in evaluation, like ``nn.Dropout``.

    The noise is a layer of the network, and so a part of both methods. The noise of
    :class:`~ibtrain.mi.channel.noise.GaussianNoise`, of which :math:`I(x; t)` is a function, is added to a block's
    output by its objective.

    Args:
        std: Standard deviation :math:`\sigma`, in the units of h.

    Example:
        >>> GaussianNoise(0.5).eval()(torch.ones(2))
        tensor([1., 1.])
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    # torch.jit.script can't read annotations of shapes
    def forward(self, h: Tensor) -> Tensor:
        """Noisy h in training, and h in evaluation."""
        return h + self.std * torch.randn_like(h) if self.training else h

    def extra_repr(self) -> str:
        """The settings in the layer's ``repr``."""
        return f"std={self.std}"


def split_random_end(block: nn.Module) -> tuple[nn.Sequential, nn.Sequential]:
    """Divides a block before the random layers at its end.

    Args:
        block: A block; only an ``nn.Sequential``, whose parts may be such modules too, can be divided.

    Returns:
        The layers before, and the random layers, among which there may be ``nn.Flatten``, ``nn.Unflatten`` and
        ``nn.Identity``. The second part is empty if the block does not end with random layers. In evaluation it
        keeps the values of its input and their order.

    Example:
        >>> before, random = split_random_end(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.1), nn.Flatten()))
        >>> random
        Sequential(
          (0): Dropout(p=0.1, inplace=False)
          (1): Flatten(start_dim=1, end_dim=-1)
        )
    """
    layers = list(_layers(block))
    start = len(layers)
    for index in reversed(range(len(layers))):
        if is_random_layer(layers[index]):
            start = index
        elif not isinstance(layers[index], RESHAPING):
            break
    return nn.Sequential(*layers[:start]), nn.Sequential(*layers[start:])


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """The modules that an ``nn.Sequential`` calls one after another, in nested ones too."""
    # a subclass may have a forward of its own
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        for child in module:
            yield from _layers(child)
    else:
        yield module
