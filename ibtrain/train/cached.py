"""Outputs of a frozen block, computed once for the blocks after it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ibtrain.backend.memory import check_memory, memory_advice
from ibtrain.errors import ConfigError
from ibtrain.train.callbacks import apply_in_chunks

__all__ = ["cached_outputs"]

ADVICE = "--train-samples or the widths, or train with --order simultaneous, which keeps no outputs"


def cached_outputs(part: nn.Sequential, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The outputs of frozen blocks for all samples of each split.

    Args:
        part: The blocks.
        inputs: What they read, by split.

    Raises:
        ConfigError: If the outputs are larger than half of the host's memory.
        OutOfMemoryError: If memory runs out.
    """
    names = ", ".join(name for name, _ in part.named_children())
    x = next(iter(inputs.values()))
    if x.device.type == "cpu":
        with torch.no_grad():
            output: Tensor = part(x[:1])
        size = sum(map(len, inputs.values())) * output.numel() * output.element_size()
        check_memory(size, f"outputs of {names} for the next block", ConfigError, f"lower {ADVICE}")
    with memory_advice(f"outputs of {names} for the next block", ADVICE):
        return {split: apply_in_chunks(part, x) for split, x in inputs.items()}
