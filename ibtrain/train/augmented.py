"""Augmented batches of the inputs of a stage."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ibtrain.backend.seeding import generator
from ibtrain.config import AUGMENTATIONS
from ibtrain.lazy import load_object

__all__ = ["Augmentation"]


class Augmentation:
    """Changes every batch of images at random, and passes it through the frozen blocks.

    Its random numbers are its own: with the same seed, each stage and each method gets the same batches in an epoch.

    Args:
        names: Names of augmentations, which are applied in this order.
        frozen: The blocks before those in training, in evaluation mode; an empty sequence changes nothing.
        seed: Seeds the random numbers.
        device: Device of the batches.
    """

    def __init__(
        self, names: Sequence[str], frozen: nn.Module, seed: int, device: torch.device
    ) -> None:
        self.functions = [load_object(AUGMENTATIONS[name]) for name in names]
        self.frozen = frozen
        self.generator = generator(device, seed, "augment")

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """What the blocks in training read of a batch of images."""
        for function in self.functions:
            x = function(x, self.generator)
        output: Tensor = self.frozen(x)
        # cached outputs have this precision too
        return output.float() if output.is_floating_point() else output
