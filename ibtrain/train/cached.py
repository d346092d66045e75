"""Outputs of a frozen block, computed once for the blocks after it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ibtrain.backend.distributed import local_processes
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
            # of all processes that do the same on this machine
            total = size * local_processes()
            if not fits_memory(total):
                return _mapped_outputs(part, inputs, output, total, place)
        return {split: apply_in_chunks(part, x) for split, x in inputs.items()}


def _mapped_outputs(
    part: nn.Sequential, inputs: Mapping[str, Tensor], output: Tensor, size: int, place: str
) -> dict[str, Tensor]:
    """The outputs in temporary files; ``output`` is that of one sample, and ``size`` the number of all bytes."""
    free = free_disk()
    too_large = ConfigError(
        f"{place} of {size} bytes",
        f"at most half of the memory, or the {free} bytes free on the disk of TMPDIR",
        f"lower {ADVICE}",
    )
    if size > free:
        raise too_large
    outputs = {}
    for split, x in inputs.items():
        try:
            outputs[split] = mapped_tensor([len(x), *output.shape[1:]], output.dtype)
        except OSError as error:
            # another process was faster
            raise too_large from error
        for target, chunk in zip(outputs[split].split(CHUNK), x.split(CHUNK), strict=True):
            target.copy_(part(chunk))
    return outputs
