"""The random layers at the end of a frozen block, which act on the batches of the next one."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.models.noise import split_random_end

__all__ = ["RandomEnd", "random_end"]


class RandomEnd(nn.Module):
    """Random layers, always in training mode, of inputs that the layers before them gave in evaluation mode.

    Args:
        layers: The layers. In evaluation they change at most the shape of their input.
        shape: Shape of their input, without the batch.
    """

    def __init__(self, layers: nn.Sequential, shape: tuple[int, ...]) -> None:
        super().__init__()
        # the network's own layers stay in evaluation mode with their block
        self.layers = copy.deepcopy(layers).train()
        self.shape = shape

    def forward(self, h: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """The block's output in training, for its output ``h`` in evaluation."""
        output: Tensor = self.layers(h.reshape(len(h), *self.shape))
        return output


@torch.no_grad()
def random_end(part: nn.Sequential, x: Float[Tensor, "samples *shape"]) -> RandomEnd | None:
    """The random layers at the end of a frozen part of a network; None if there are none.

    Args:
        part: The blocks, in evaluation mode.
        x: Inputs of the first of them.
    """
    before, layers = split_random_end(part)
    return RandomEnd(layers, tuple(before(x[:2]).shape[1:])) if len(layers) else None
