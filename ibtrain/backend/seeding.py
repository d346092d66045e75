"""One seed for a run, and independent streams of randomness drawn from it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["derive_seed", "generator", "seeded", "seeded_on"]


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, so that two purposes never share a stream."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def generator(device: torch.device, seed: int, *purpose: str | int) -> torch.Generator:
    """A generator on ``device``, seeded for one purpose."""
    return torch.Generator(device).manual_seed(derive_seed(seed, *purpose))


@contextmanager
def seeded(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seeds torch's CPU generator within the block, and puts its state back afterwards.

    Modules are initialised inside it, on the CPU, so that every device starts from the same weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, *purpose))
        yield


@contextmanager
def seeded_on(device: torch.device, seed: int, *purpose: str | int) -> Iterator[None]:
    """Seeds torch's generators within the block, and puts back those of the CPU and of a CUDA device afterwards.

    Modules such as dropout draw from them.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derive_seed(seed, *purpose))
        yield
