"""Reads the outputs of a model's modules by forward hooks."""

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.errors import ModelError

__all__ = ["check_modules", "default_layers", "layer_outputs", "module_name"]

CALL = "#"
"""Separates the name of a module that is called several times from the number of the call."""


def default_layers(model: nn.Module) -> list[str]:
    """Every module that itself holds a weight matrix, and every activation module."""
    return [
        name
        for name, module in model.named_modules()
        if name
        and (
            type(module).__module__ == nn.ReLU.__module__
            or any(parameter.ndim >= 2 for parameter in module.parameters(recurse=False))
        )
    ]


def module_name(layer: str) -> str:
    """The name of a layer's module, without the number of its call."""
    return layer.partition(CALL)[0]


def check_modules(model: nn.Module, layers: Sequence[str]) -> None:
    """Checks that the model has the modules of all layers.

    Raises:
        ModelError: If it has not.
    """
    names = [name for name, _ in model.named_modules() if name]
    for layer in layers:
        if module_name(layer) not in names:
            raise ModelError(f"a layer {layer!r}", "one of " + ", ".join(names), "layers")


@torch.no_grad()
def layer_outputs(
    model: nn.Module, x: Float[Tensor, "batch *shape"], layers: Sequence[str]
) -> dict[str, Float[Tensor, "batch dim"]]:
    """Outputs of layers for a batch, flattened, in the order of the calls.

    Args:
        model: The model.
        x: A batch of its inputs.
        layers: Names of modules, each with or without the number of a call.

    Returns:
        The output of each layer; those of a module that is called several times are ``NAME#1``, ``NAME#2``, ... Modules
        that are not called, and outputs that are no tensors, are left out.
    """
    calls: list[tuple[str, Tensor]] = []

    def keep(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                # a copy: a later module may work in place
                calls.append((name, output.detach().float().clone()))

        return hook

    handles = [
        model.get_submodule(name).register_forward_hook(keep(name))
        for name in dict.fromkeys(map(module_name, layers))
    ]
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    counts = Counter(name for name, _ in calls)
    seen: Counter[str] = Counter()
    outputs = {}
    for name, h in calls:
        seen[name] += 1
        layer = f"{name}{CALL}{seen[name]}" if counts[name] > 1 else name
        if layer in layers or name in layers:
            if len(h) != len(x):
                given = f"outputs of shape {tuple(h.shape)} for {len(x)} samples"
                raise ModelError(given, "a row for each sample first", f"layer {layer}")
            outputs[layer] = h.reshape(len(h), -1)
    return outputs
