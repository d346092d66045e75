"""Outputs of a frozen block, computed once for the blocks after it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ibtrain.backend.mapped import spacious_tensor
from ibtrain.backend.memory import memory_advice
from ibtrain.train.callbacks import CHUNK

__all__ = ["cached_outputs"]

ADVICE = "--train-samples or the widths, or train with --order simultaneous, which keeps no outputs"


def cached_outputs(part: nn.Sequential, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The outputs of frozen blocks for all samples of each split.

    On the CPU, outputs that are larger than an eighth of the memory are in a temporary file that is mapped into memory.

    Args:
        part: The blocks.
        inputs: What they read, by split.

    Raises:
        OutOfMemoryError: If memory runs out, or if outputs are larger than an eighth of it and than the free disk.
    """
    names = ", ".join(name for name, _ in part.named_children())
    place = f"outputs of {names} for the next block"
    with torch.no_grad(), memory_advice(place, ADVICE):
        return {split: _outputs(part, x, place) for split, x in inputs.items()}


def _outputs(part: nn.Sequential, x: Tensor, place: str) -> Tensor:
    one: Tensor = part(x[:1])
    shape = [len(x), *one.shape[1:]]
    outputs = spacious_tensor(shape, one.dtype, place, device=one.device, lower=ADVICE)
    for target, chunk in zip(outputs.split(CHUNK), x.split(CHUNK), strict=True):
        target.copy_(part(chunk))
    return outputs
