"""Lower precision for the matrix products of a step, and float32 where it is needed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

from ibtrain.errors import ConfigError

__all__ = [
    "at_least_float32",
    "check_precision",
    "float32_products",
    "lower_precision",
    "tensor_cores",
    "to_float64",
]


def at_least_float32(tensor: Tensor) -> Tensor:
    """Converts a tensor of half precision to float32; returns any other unchanged."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def to_float64(tensor: Tensor) -> Tensor:
    """Converts a tensor to float64, on the CPU if its device has no such numbers."""
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()


def check_precision(name: str, device: torch.device) -> None:
    """Checks that the device has such products.

    Raises:
        ConfigError: If it does not.
    """
    if name == "tf32" and device.type != "cuda":
        raise ConfigError(name, f"float32 or bfloat16 on a device such as {device}", "precision")


def lower_precision(name: str, device: torch.device) -> AbstractContextManager[object]:
    """Layers within the block compute in bfloat16, if that is the name; so do their backward passes."""
    if name != "bfloat16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def float32_products(device: torch.device) -> AbstractContextManager[object]:
    """Matrix products within the block, also of a step in bfloat16, have the type of their inputs: their differences would lose all digits."""
    return torch.autocast(device.type, enabled=False)


@contextmanager
def tensor_cores(name: str) -> Iterator[None]:
    """Matrix products of float32 within the block use TF32, if that is the name."""
    if name != "tf32":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
