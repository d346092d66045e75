"""Cutting a network into the blocks that layer-wise training takes one at a time."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.checks import MAX_NAME
from ibtrain.errors import ModelError

__all__ = ["block_outputs", "check_output_block", "check_trainable", "cut_into_blocks"]


NORMALISED = (nn.LogSigmoid, nn.LogSoftmax, nn.Sigmoid, nn.Softmax, nn.Softmin)
"""Activations that turn class scores into probabilities or their logarithms."""
MOST_COMPARED = 1 << 10
"""Samples among which one is sought that differs from the first."""
ROUNDING = 1e-5
"""Error of a float32 sum of probabilities, at most."""


def _starts_block(name: str, module: nn.Module) -> bool:
    """Whether a module holds a weight matrix; normalisations, activations and pooling don't.

    Raises:
        ModelError: If its weights have no shape yet.
    """
    parameters = list(module.parameters())
    if any(nn.parameter.is_lazy(parameter) for parameter in parameters):
        expected = "weights of known shapes: run the model on a batch first"
        raise ModelError(f"layer {name} with lazy weights", expected, "model")
    return any(parameter.ndim >= 2 for parameter in parameters)


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
        ModelError: If the model is neither, holds no weights, names a block as no module can be
            named, or if two blocks share a parameter or a buffer.
    """
    if isinstance(model, Mapping):
        blocks = _named_blocks([(str(name), block) for name, block in model.items()])
    elif isinstance(model, nn.Sequential):
        blocks = _cut(model)
    else:
        raise ModelError(
            f"a {type(model).__name__}",
            "an nn.Sequential or a mapping from block names to modules, which can be cut into blocks",
            "model",
        )
    if next(blocks.parameters(), None) is None:
        raise ModelError("no layer with weights", "at least one block to train", "model")
    # not named_children(), which leaves a repeated block out
    check_trainable((f"block {n}", blocks[i]) for i, n in enumerate(blocks._modules))
    return blocks


def _cut(model: nn.Sequential) -> nn.Sequential:
    groups: list[tuple[str, list[nn.Module]]] = []
    leading: list[nn.Module] = []
    # not named_children(), which leaves a repeated module out: one ReLU may serve many layers
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
    """Names of blocks from those of layers: ``layer0`` for ``0``, unless a layer has that name."""
    taken = set(names)
    block_names = []
    for name in names:
        block_name = f"layer{name}" if name.isdigit() else name
        while name.isdigit() and block_name in taken:
            block_name += "_"
        block_names.append(block_name)
    return block_names


def _named_blocks(named: Sequence[tuple[str, nn.Module]]) -> nn.Sequential:
    """A chain of blocks.

    Raises:
        ModelError: If a name occurs twice or can't be a module's, or a block is no module.
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
                "a name without a dot that no other block and no attribute of nn.Sequential has"
            )
            raise ModelError(f"a block named {name!r}", expected, "model")
        blocks.add_module(name, block)
    return blocks


def check_trainable(named: Iterable[tuple[str, nn.Module]]) -> None:
    """Checks that modules can be trained, and that training one changes no other.

    Args:
        named: The modules, with what an error calls them.

    Raises:
        ModelError: If two of them share a parameter or a buffer, or its memory, or if one was made
            in ``torch.inference_mode``.
    """
    found: list[tuple[str, int, int, int]] = []
    names = []
    for index, (name, module) in enumerate(named):
        names.append(name)
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_inference():
                given = f"weights of {name} that were made in torch.inference_mode"
                raise ModelError(given, "a model made outside of it, which can train", "model")
            found.append((*_memory(tensor), index))
    place, end, owner = "", 0, 0
    for own_place, start, stop, index in sorted(found):
        if own_place == place and start < end and names[index] != names[owner]:
            first, second = (names[i] for i in sorted((owner, index)))
            given = f"parameters or buffers that {first} and {second} share"
            raise ModelError(given, "none that two of them share", "model")
        # ranges of different owners are disjoint so far: only the last one can reach further
        if own_place != place or stop > end:
            place, end, owner = own_place, stop, index


def _memory(tensor: Tensor) -> tuple[str, int, int]:
    """Where a tensor is, from which byte and to which.

    Two that overlap are taken to change with one another; of interleaved views that is not so.
    """
    if nn.parameter.is_lazy(tensor) or tensor.is_meta or not tensor.numel():
        return "none", id(tensor), id(tensor) + 1
    last = sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    start = tensor.data_ptr()
    return str(tensor.device), start, start + (last + 1) * tensor.element_size()


def block_outputs(blocks: nn.Sequential, x: Float[Tensor, "batch *shape"]) -> dict[str, Tensor]:
    """Every block's output on ``x``, by the block's name, in order."""
    outputs: dict[str, Tensor] = {}
    for name, block in blocks.named_children():
        x = outputs[name] = block(x)
    return outputs


def check_output_block(
    blocks: nn.Sequential, x: Float[Tensor, "batch *shape"], num_classes: int
) -> None:
    """Runs two samples through the blocks and checks what comes out.

    Raises:
        ModelError: If a block can't read its input or changes it in place, or the last one's output
            is not an unnormalised score for each class.
    """
    blocks.eval()
    sample = _two_samples(x)
    for name, block in blocks.named_children():
        version = sample._version
        try:
            with torch.no_grad():
                output = block(sample)
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            given = f"input of shape {tuple(sample.shape[1:])}"
            raise ModelError(
                given, f"what the block can read ({error})", f"block {name}"
            ) from error
        if sample._version != version:
            expected = "one that leaves it as it is (inplace=False)"
            raise ModelError("a module that changes its input in place", expected, f"block {name}")
        if not isinstance(output, torch.Tensor):
            raise ModelError(f"a {type(output).__name__}", "a tensor", f"output of block {name}")
        sample = output
    if sample.shape != (min(2, len(x)), num_classes):
        expected = f"a score for each of {num_classes} classes from the last block"
        raise ModelError(f"output of shape {tuple(sample.shape[1:])}", expected, "model")
    _check_scores(blocks, sample)


def _two_samples(x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "two *shape"]:
    """A copy of the first sample, and of one that differs from it, if there is one among the first."""
    differ = (x[:MOST_COMPARED] != x[0]).flatten(1).any(dim=1)
    second = int(differ.int().argmax()) or 1
    return torch.cat([x[:1], x[second : second + 1]])


def _check_scores(blocks: nn.Sequential, scores: Float[Tensor, "batch classes"]) -> None:
    """Checks that the output block ends without a softmax or a sigmoid.

    Raises:
        ModelError: If it ends with one, as a module or in its ``forward``.
    """
    last: nn.Module = blocks
    while isinstance(last, nn.Sequential) and len(last):
        last = last[-1]
    scores = scores.double()
    # an output layer of zeros and the classes' log prior has normalised scores, the same for all samples
    differ = bool((scores != scores[:1]).any())
    is_softmax = bool((scores >= 0).all() and ((scores.sum(dim=1) - 1).abs() < ROUNDING).all())
    is_log_softmax = bool((scores.logsumexp(dim=1).abs() < ROUNDING).all())
    if isinstance(last, NORMALISED) or (differ and (is_softmax or is_log_softmax)):
        kind = type(last).__name__ if isinstance(last, NORMALISED) else "a softmax or log-softmax"
        expected = f"unnormalised class scores: remove {kind}"
        raise ModelError(f"an output block that ends with {kind}", expected, "model")
