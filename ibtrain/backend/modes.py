"""Evaluation mode for a while."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

__all__ = ["evaluation_mode", "undisturbed"]


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Puts a model into evaluation mode within the block; each module's own mode is put back afterwards."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, is_training in modes.items():
            module.training = is_training


@contextmanager
def undisturbed(*models: nn.Module) -> Iterator[None]:
    """Evaluation mode within the block; each module's own mode, and torch's random numbers, are put back afterwards."""
    devices = {p.device for m in models for p in m.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)), ExitStack() as stack:
        for model in models:
            stack.enter_context(evaluation_mode(model))
        yield
