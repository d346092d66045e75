"""Checks of a trainer's arguments, before anything is trained."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ibtrain.checks import check_integer
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError, ModelError

__all__ = ["check_callbacks", "check_model", "check_seed"]


def check_seed(seed: Any) -> int:
    """Returns a seed as a Python integer.

    Raises:
        ConfigError: If it is no whole number of 0 or more.
    """
    number: int = seed.tolist() if hasattr(seed, "tolist") else seed
    check_integer("seed", number, 0)
    return number


def check_callbacks(callbacks: Any) -> Sequence[Callable[..., Any]]:
    """Checks that callbacks are a list of functions of an event.

    Raises:
        ConfigError: If they are not.
    """
    if not isinstance(callbacks, list | tuple):
        expected = "a list of callbacks, such as callbacks=[plane]"
        raise ConfigError(f"a {type(callbacks).__name__}", expected, "callbacks")
    expected = "a function of an Event, or an instance of a subclass of ibtrain.Callback"
    for callback in callbacks:
        if isinstance(callback, type):
            raise ConfigError(f"the class {callback.__name__}", expected, "callbacks")
        if not callable(callback):
            raise ConfigError(f"a {type(callback).__name__}", expected, "callbacks")
    return callbacks


def check_model(blocks: nn.Module, data: Dataset) -> None:
    """Checks that a model is of the type and on the device of the samples.

    Raises:
        ModelError: If it is not.
    """
    for name, parameter in blocks.named_parameters():
        if nn.parameter.is_lazy(parameter):
            continue
        if parameter.is_floating_point() and parameter.dtype != torch.float32:
            expected = "torch.float32, as the samples are: call model.float()"
            raise ModelError(f"{name} of {parameter.dtype}", expected, "model")
        device, place = parameter.device, data.train.x.device
        if device != place and not data.train.x.is_meta:
            expected = f"{place}, where the samples are: model.to('{place}') or data.to(device)"
            raise ModelError(f"{name} on {device}", expected, "model")
