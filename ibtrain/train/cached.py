"""Outputs of a frozen block, computed once for the blocks after it."""

from collections.abc import Mapping
from itertools import islice

import torch
from torch import Tensor, nn

from ibtrain.backend.common_file import common_tensor
from ibtrain.backend.exchange import copy_from_first, share_generators, wait_for_all
from ibtrain.backend.mapped import spacious_tensor
from ibtrain.backend.memory import memory_advice
from ibtrain.backend.process_group import local_processes, local_rank, num_processes
from ibtrain.train.callbacks import CHUNK

__all__ = ["cached_outputs"]

ADVICE = "--train-samples or the widths, or train with --order simultaneous, which keeps no outputs"


def cached_outputs(part: nn.Sequential, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The outputs of frozen blocks for all samples of each split.

    On the CPU, outputs that are larger than an eighth of the memory are in a temporary file that is mapped into memory. Processes that
    train one network have such a file, of any size, in common on each machine, and each computes a part of the outputs.

    Args:
        part: The blocks.
        inputs: What they read, by split.

    Raises:
        OutOfMemoryError: If memory runs out, or if outputs are larger than an eighth of it and than the free disk.
    """
    names = ", ".join(name for name, _ in part.named_children())
    place = f"outputs of {names} for the next block"
    # buffers of the user's own modules follow the rows of each process
    copy_from_first([*part.parameters(), *part.buffers()])
    with torch.no_grad(), memory_advice(place, ADVICE):
        outputs = {split: _outputs(part, x, place) for split, x in inputs.items()}
    # what draws random numbers also in evaluation has drawn for other rows in each process
    share_generators()
    return outputs


def _outputs(part: nn.Sequential, x: Tensor, place: str) -> Tensor:
    one: Tensor = part(x[:1])
    shape = [len(x), *one.shape[1:]]
    is_shared = one.device.type == "cpu" and num_processes() > 1
    common = common_tensor(shape, one.dtype) if is_shared else None
    if common is None:
        outputs = spacious_tensor(shape, one.dtype, place, device=one.device, lower=ADVICE)
        first, step = 0, 1
    else:
        outputs, first, step = common, local_rank(), local_processes()
    # whole chunks, whose rounding is that of a single process
    chunks = zip(outputs.split(CHUNK), x.split(CHUNK), strict=True)
    for target, chunk in islice(chunks, first, None, step):
        target.copy_(part(chunk))
    # on every machine, also on one that can't share a file
    if is_shared:
        wait_for_all()
    return outputs
