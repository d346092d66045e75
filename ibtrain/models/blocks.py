"""Cutting a network into the blocks that layer-wise training takes one at a time."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.checks import MAX_NAME
from ibtrain.errors import ModelError

__all__ = ["block_outputs", "check_output", "cut_into_blocks"]


def _starts_block(module: nn.Module) -> bool:
    """Whether a module holds a weight matrix; normalisations, activations and pooling don't."""
    return any(parameter.ndim >= 2 for parameter in module.parameters())


def cut_into_blocks(model: nn.Module | Mapping[str, nn.Module]) -> nn.Sequential:
    """The model as a chain of named blocks; its modules are shared, not copied.

    A block starts at every child of an ``nn.Sequential`` that holds a weight matrix; children
    without one (activations, normalisations, pooling, flattening) belong to the block before them,
    leading ones to the first. A mapping from names to modules is taken as the blocks themselves.

    Args:
        model: An ``nn.Sequential``, or a mapping from names to modules, in order.

    Returns:
        An ``nn.Sequential`` with one named child a block; the last one is the output layer.

    Raises:
        ModelError: The model is neither, holds no weights, or a name is too long to be recorded.
    """
    if isinstance(model, Mapping):
        _check_names(model)
        return nn.Sequential(OrderedDict(model))
    if not isinstance(model, nn.Sequential):
        raise ModelError(
            f"a {type(model).__name__}",
            "an nn.Sequential or a mapping from block names to modules, which can be cut into blocks",
            "model",
        )
    groups: list[tuple[str, list[nn.Module]]] = []
    leading: list[nn.Module] = []
    seen: set[int] = set()
    # not named_children(), which leaves a repeated module out: one ReLU may serve many layers
    for name, child in zip(model._modules, model, strict=True):
        if _starts_block(child):
            if id(child) in seen:
                raise ModelError(f"layer {name} twice", "no weights shared between blocks", "model")
            seen.add(id(child))
            groups.append((name, [*leading, child]))
            leading = []
        elif groups:
            groups[-1][1].append(child)
        else:
            leading.append(child)
    if not groups:
        raise ModelError("no layer with weights", "at least one block to train", "model")
    _check_names(name for name, _ in groups)
    return nn.Sequential(
        OrderedDict(
            (_block_name(name), modules[0] if len(modules) == 1 else nn.Sequential(*modules))
            for name, modules in groups
        )
    )


def _check_names(names: Iterable[str]) -> None:
    longest = max(map(len, names), default=0)
    if longest > MAX_NAME:
        raise ModelError(f"a block's name of {longest} characters", f"at most {MAX_NAME}", "model")


def _block_name(name: str) -> str:
    return f"layer{name}" if name.isdigit() else name


def block_outputs(blocks: nn.Sequential, x: Float[Tensor, "batch *shape"]) -> dict[str, Tensor]:
    """Every block's output on ``x``, by the block's name, in order."""
    outputs: dict[str, Tensor] = {}
    for name, block in blocks.named_children():
        x = outputs[name] = block(x)
    return outputs


def check_output(blocks: nn.Sequential, x: Float[Tensor, "batch *shape"], num_classes: int) -> None:
    """Runs two samples through the blocks and checks the shape of what comes out.

    Raises:
        ModelError: A block can't read its input, or the last one's output is not a score for each class.
    """
    blocks.eval()
    sample = x[:2]
    for name, block in blocks.named_children():
        try:
            with torch.no_grad():
                output = block(sample)
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            given = f"input of shape {tuple(sample.shape[1:])}"
            raise ModelError(
                given, f"what the block can read ({error})", f"block {name}"
            ) from error
        if not isinstance(output, torch.Tensor):
            raise ModelError(f"a {type(output).__name__}", "a tensor", f"output of block {name}")
        sample = output
    if sample.shape != (min(2, len(x)), num_classes):
        expected = f"a score for each of {num_classes} classes from the last block"
        raise ModelError(f"output of shape {tuple(sample.shape[1:])}", expected, "model")
