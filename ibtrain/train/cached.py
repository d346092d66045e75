"""Outputs of a frozen block, computed once for the blocks after it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ibtrain.backend.mapped import free_disk, mapped_tensor
from ibtrain.backend.memory import fits_memory, memory_advice
from ibtrain.errors import ConfigError
from ibtrain.train.callbacks import CHUNK, apply_in_chunks

__all__ = ["cached_outputs"]

ADVICE = "--train-samples or the widths, or train with --order simultaneous, which keeps no outputs"


def cached_outputs(part: nn.Sequential, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The outputs of frozen blocks for all samples of each split.

    On the CPU, outputs that are larger than half of the memory are in a temporary file that is mapped into memory.

    Args:
        part: The blocks.
        inputs: What they read, by split.

    Raises:
        ConfigError: If they are larger than half of the memory, and than the free disk.
        OutOfMemoryError: If memory runs out.
    """
    names = ", ".join(name for name, _ in part.named_children())
    place = f"outputs of {names} for the next block"
    x = next(iter(inputs.values()))
    with torch.no_grad(), memory_advice(place, ADVICE):
        if x.device.type == "cpu":
            output: Tensor = part(x[:1])
            size = sum(map(len, inputs.values())) * output.numel() * output.element_size()
            if not fits_memory(size):
                _check_disk(size, place)
                return {split: _mapped_outputs(part, x, output) for split, x in inputs.items()}
        return {split: apply_in_chunks(part, x) for split, x in inputs.items()}


def _check_disk(size: int, given: str) -> None:
    free = free_disk()
    if size > free:
        expected = f"at most half of the memory, or the {free} bytes free on the disk of TMPDIR"
        raise ConfigError(f"{given} of {size} bytes", expected, f"lower {ADVICE}")


def _mapped_outputs(part: nn.Sequential, x: Tensor, output: Tensor) -> Tensor:
    """The outputs for all samples in a temporary file; ``output`` is that of one sample."""
    outputs = mapped_tensor([len(x), *output.shape[1:]], output.dtype)
    for target, chunk in zip(outputs.split(CHUNK), x.split(CHUNK), strict=True):
        target.copy_(part(chunk))
    return outputs
