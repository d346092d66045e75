"""Divides a network into the blocks that layer-wise training optimises one by one."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.checks import MAX_NAME
from ibtrain.errors import ModelError

__all__ = ["block_outputs", "check_output_block", "check_trainable", "cut_into_blocks"]


NORMALISING_ACTIVATIONS = (nn.LogSigmoid, nn.LogSoftmax, nn.Sigmoid, nn.Softmax, nn.Softmin)
"""Activations that turn class scores into probabilities or their logarithms."""
MAX_COMPARED = 1 << 10
"""Maximum number of samples that are compared to find one that differs from the first."""
SUM_TOLERANCE = 1e-5
"""Maximum rounding error of a sum of probabilities in float32."""


def _starts_block(name: str, module: nn.Module) -> bool:
    """Whether a module has a weight matrix; normalisations, activations and pooling have none.

    Raises:
        ModelError: If its weights are lazy and have no shape yet.
    """
    parameters = list(module.parameters())
    if any(nn.parameter.is_lazy(parameter) for parameter in parameters):
        expected = "weights of known shapes: run the model on a batch first"
        raise ModelError(f"layer {name} with lazy weights", expected, "model")
    return any(parameter.ndim >= 2 for parameter in parameters)


def cut_into_blocks(model: nn.Module | Mapping[str, nn.Module]) -> nn.Sequential:
    """Divides a model into a sequence of named blocks, which share its modules instead of copying them.

    A block starts at every child of an ``nn.Sequential`` that has a weight matrix. Children
    without one (activations, normalisations, pooling, flattening) belong to the preceding block, or to the
    first block if no block precedes them. The values of a mapping from names to modules are the blocks.

    Args:
        model: An ``nn.Sequential``, or a mapping from names to modules, in order.

    Returns:
        An ``nn.Sequential`` with one named child per block; the last one is the output layer.

    Raises:
        ModelError: If the model has another type or no weights, if the name of a block is not a valid module
            name, or if two blocks share a parameter or a buffer.
    """
    if isinstance(model, Mapping):
        blocks = _named_blocks([(str(name), block) for name, block in model.items()])
    elif isinstance(model, nn.Sequential):
        blocks = _cut(model)
    else:
        if isinstance(model, type):
            given = f"the class {model.__name__}"
            raise ModelError(given, f"a model: {model.__name__}(...)", "model")
        children = model.named_children() if isinstance(model, nn.Module) else ()
        example = ", ".join(f"'{name}': model.{name}" for name, _ in children)
        such = (
            f", such as {{{example}}}, where each reads the output of the one before"
            if example
            else ""
        )
        expected = f"an nn.Sequential or a mapping from block names to modules{such}"
        raise ModelError(f"a {type(model).__name__}", expected, "model")
    if next(blocks.parameters(), None) is None:
        raise ModelError("no layer with weights", "at least one block to train", "model")
    # named_children() would omit a repeated block
    check_trainable((f"block {n}", blocks[i]) for i, n in enumerate(blocks._modules))
    return blocks


def _cut(model: nn.Sequential) -> nn.Sequential:
    groups: list[tuple[str, list[nn.Module]]] = []
    leading: list[nn.Module] = []
    # named_children() would omit a repeated module, such as a ReLU that several layers share
    for name, child in zip(model._modules, model, strict=True):
        if _starts_block(name, child):
            groups.append((name, [*leading, child]))
            leading = []
        elif groups:
            groups[-1][1].append(child)
        else:
            leading.append(child)
    names = _block_names([name for name, _ in groups])
    return _named_blocks(
        [
            (name, modules[0] if len(modules) == 1 else nn.Sequential(*modules))
            for name, (_, modules) in zip(names, groups, strict=True)
        ]
    )


def _block_names(names: Sequence[str]) -> list[str]:
    """Derives names of blocks from names of layers: ``layer0`` from ``0``, unless a layer has this name."""
    layer_names = set(names)
    block_names = []
    for name in names:
        block_name = f"layer{name}" if name.isdigit() else name
        while name.isdigit() and block_name in layer_names:
            block_name += "_"
        block_names.append(block_name)
    return block_names


def _named_blocks(named: Sequence[tuple[str, nn.Module]]) -> nn.Sequential:
    """Returns a sequence of named blocks.

    Raises:
        ModelError: If a name occurs twice or is not a valid module name, or if a block is not a module.
    """
    blocks = nn.Sequential()
    for name, block in named:
        if not isinstance(block, nn.Module):
            given = f"an object of type {type(block).__name__}"
            raise ModelError(given, "an nn.Module", f"block {name}")
        if len(name) > MAX_NAME:
            given = f"a block's name of {len(name)} characters"
            raise ModelError(given, f"at most {MAX_NAME}", "model")
        if not name or "." in name or hasattr(blocks, name):
            expected = (
                "a name without a dot, which no other block and no attribute of nn.Sequential has"
            )
            raise ModelError(f"a block named {name!r}", expected, "model")
        blocks.add_module(name, block)
    return blocks


def check_trainable(named: Iterable[tuple[str, nn.Module]]) -> None:
    """Checks that modules can be trained, and that training one module does not change another.

    Args:
        named: Modules, each with its name in error messages.

    Raises:
        ModelError: If two modules share a parameter or a buffer, or its memory, or if a module was created
            in ``torch.inference_mode``.
    """
    ranges: list[tuple[str, int, int, int]] = []
    names = []
    for index, (name, module) in enumerate(named):
        names.append(name)
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_inference():
                given = f"weights of {name} that were made in torch.inference_mode"
                raise ModelError(
                    given,
                    "a model created outside of inference mode, which can be trained",
                    "model",
                )
            ranges.append((*_memory(tensor), index))
    last_device, last_stop, owner = "", 0, 0
    for device, start, stop, index in sorted(ranges):
        if device == last_device and start < last_stop and names[index] != names[owner]:
            first, second = (names[i] for i in sorted((owner, index)))
            given = f"parameters or buffers that {first} and {second} share"
            raise ModelError(given, "separate parameters and buffers for each", "model")
        # so far, ranges of different owners are disjoint: only the last range can overlap the next one
        if device != last_device or stop > last_stop:
            last_device, last_stop, owner = device, stop, index


def _memory(tensor: Tensor) -> tuple[str, int, int]:
    """Returns a tensor's device, and the addresses of its first byte and of the end of its memory.

    Tensors whose ranges overlap are assumed to share memory, which is wrong for interleaved views.
    """
    if nn.parameter.is_lazy(tensor) or tensor.is_meta or not tensor.numel():
        return "none", id(tensor), id(tensor) + 1
    last = sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    start = tensor.data_ptr()
    return str(tensor.device), start, start + (last + 1) * tensor.element_size()


def block_outputs(blocks: nn.Sequential, x: Float[Tensor, "batch *shape"]) -> dict[str, Tensor]:
    """Returns the output of every block for the input ``x``, by name of the block, in order."""
    outputs: dict[str, Tensor] = {}
    for name, block in blocks.named_children():
        x = outputs[name] = block(x)
    return outputs


def check_output_block(
    blocks: nn.Sequential, x: Float[Tensor, "batch *shape"], num_classes: int
) -> dict[str, Tensor]:
    """Runs two samples through the blocks and checks the outputs.

    Returns:
        The output of every block, by name, in order.

    Raises:
        ModelError: If a block can't process its input or changes it in place, or if the output of the last
            block is not an unnormalised score for each class.
    """
    blocks.eval()
    sample = _two_samples(x)
    outputs: dict[str, Tensor] = {}
    for name, block in blocks.named_children():
        version = sample._version
        try:
            with torch.no_grad():
                output = block(sample)
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            given = f"input of shape {tuple(sample.shape[1:])}"
            raise ModelError(
                given, f"input that the block can process ({error})", f"block {name}"
            ) from error
        if sample._version != version:
            expected = "a module that leaves its input unchanged (inplace=False)"
            raise ModelError("a module that changes its input in place", expected, f"block {name}")
        if not isinstance(output, torch.Tensor):
            raise ModelError(f"a {type(output).__name__}", "a tensor", f"output of block {name}")
        sample = outputs[name] = output
    if sample.shape != (min(2, len(x)), num_classes):
        expected = f"a score for each of {num_classes} classes from the last block"
        raise ModelError(f"output of shape {tuple(sample.shape[1:])}", expected, "model")
    _check_scores(blocks, sample)
    return outputs


def _two_samples(x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "two *shape"]:
    """Copies the first sample and one that differs from it, or the second if none of those compared differs."""
    differ = (x[:MAX_COMPARED] != x[0]).flatten(1).any(dim=1)
    second = int(differ.int().argmax()) or 1
    return torch.cat([x[:1], x[second : second + 1]])


def _check_scores(blocks: nn.Sequential, scores: Float[Tensor, "batch classes"]) -> None:
    """Checks that the output block doesn't end with a softmax or a sigmoid.

    Raises:
        ModelError: If the block ends with one, as a module or in its ``forward``.
    """
    last: nn.Module = blocks
    while isinstance(last, nn.Sequential) and len(last):
        last = last[-1]
    scores = scores.double()
    # zero weights with the log prior as the bias give normalised scores too, but equal ones for all samples
    differ = bool((scores != scores[:1]).any())
    is_softmax = bool((scores >= 0).all() and ((scores.sum(dim=1) - 1).abs() < SUM_TOLERANCE).all())
    is_log_softmax = bool((scores.logsumexp(dim=1).abs() < SUM_TOLERANCE).all())
    if isinstance(last, NORMALISING_ACTIVATIONS) or (differ and (is_softmax or is_log_softmax)):
        kind = (
            type(last).__name__
            if isinstance(last, NORMALISING_ACTIVATIONS)
            else "a softmax or log-softmax"
        )
        expected = f"unnormalised class scores: remove {kind}"
        raise ModelError(f"an output block that ends with {kind}", expected, "model")
