"""Measures the limits of the machine: operations per second, and bytes per second."""

import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from ibtrain.bench.measure import time_call

__all__ = ["Machine", "measure_machine"]

MATRIX_SIZE = {"cpu": 1024, "cuda": 8192, "mps": 4096}
"""Rows and columns of the matrices whose product is timed, by device."""
COPY_BYTES = 1 << 28
"""Number of bytes that are copied, far more than any cache holds."""


@dataclass(frozen=True)
class Machine:
    """A device's name, and its measured limits.

    Args:
        name: Name of the processor or the accelerator.
        flops: Floating-point operations per second of a large float32 matrix product.
        bandwidth: Bytes per second that a large copy reads and writes.
    """

    name: str
    flops: float
    bandwidth: float


def measure_machine(device: torch.device) -> Machine:
    """Times a large matrix product and a large copy on the device, with torch's current number of threads."""
    size = MATRIX_SIZE[device.type]
    a, b = torch.randn(2, size, size, device=device)
    product = time_call(lambda: a @ b, device)
    source = torch.zeros(COPY_BYTES // 4, device=device)
    target = torch.empty_like(source)
    copy = time_call(lambda: target.copy_(source), device)
    return Machine(_name(device), 2 * size**3 / product.fastest, 2 * COPY_BYTES / copy.fastest)


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
