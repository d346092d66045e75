"""Mean and standard deviation of the gradients of a network's layers."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.backend.precision import to_float64

__all__ = [
    "GradientStatistics",
    "Loss",
    "batch_gradients",
    "gradient_statistics",
    "weight_matrices",
    "weight_norm",
]

MAX_BATCHES = 16
"""Maximum number of batches: the standard deviation of as many is a tenth off for one weight, and less for all of a layer."""
SINGLE_SAMPLES = 64
"""Number of samples whose single gradients are computed, each by a backward pass."""
MEAN_TOLERANCE = 1e-4
"""Largest relative difference between the loss of a batch and the mean of its samples' losses that is rounding."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""Maps inputs and classes of a batch to a scalar."""


@dataclass(frozen=True)
class GradientStatistics:
    """Spread of the gradient of a layer's weights over batches, and over samples.

    Args:
        mean: Norm of the mean gradient of batches.
        std: Norm of the standard deviations of the weights' gradients over batches.
        sample_mean: The same of single samples; None if the loss of a batch is not the mean of its samples' losses.
        sample_std: Likewise.
    """

    mean: float
    std: float
    sample_mean: float | None = None
    sample_std: float | None = None


def weight_matrices(module: nn.Module) -> list[Tensor]:
    """The weights of a layer without its biases: every parameter with at least two dimensions."""
    return [parameter for parameter in module.parameters() if parameter.ndim >= 2]


@torch.no_grad()
def weight_norm(weights: Sequence[Tensor]) -> float:
    """Norm of several weights as one vector."""
    return math.sqrt(sum(to_float64(weight).square().sum().item() for weight in weights))


def gradient_statistics(
    loss: Loss,
    x: Float[Tensor, "n *shape"],
    y: Int[Tensor, " n"],
    layers: Mapping[str, nn.Module],
    batch_size: int,
) -> dict[str, GradientStatistics]:
    r"""Computes the mean and the standard deviation of the gradients of all layers, in one pass over some batches.

    With the gradient :math:`g_b` of a layer's weights on batch b of B:

    .. math::
        \mathrm{mean} = \left\| \frac1B \sum_b g_b \right\|, \qquad
        \mathrm{std} = \sqrt{\frac1B \sum_b \left\| g_b - \frac1B \sum_{b'} g_{b'} \right\|^2}

    Args:
        loss: Loss of a batch; it must not depend on the samples of other batches.
        x: Inputs; at most 16 batches of them are read, and at least 2.
        y: Their classes.
        layers: Layers by name. Those without weights that are trained are left out.
        batch_size: Number of samples in a batch.

    References:
        Shwartz-Ziv & Tishby (arXiv 1703.00810), section 3.2, and their code.
    """
    weights = {
        name: [weight for weight in weight_matrices(module) if weight.requires_grad]
        for name, module in layers.items()
    }
    weights = {name: tensors for name, tensors in weights.items() if tensors}
    if not weights:
        return {}
    size = min(batch_size, len(x) // 2)
    batches = [slice(start, start + size) for start in range(0, len(x) - size + 1, size)]
    by_batch, _ = _spread(loss, x, y, weights, batches[:MAX_BATCHES])
    count = min(SINGLE_SAMPLES, len(x))
    by_sample, mean_loss = _spread(loss, x, y, weights, [slice(n, n + 1) for n in range(count)])
    with torch.no_grad():
        batch_loss = loss(x[:count], y[:count]).item()
    is_mean = math.isclose(batch_loss, mean_loss, rel_tol=MEAN_TOLERANCE, abs_tol=MEAN_TOLERANCE)
    return {
        name: GradientStatistics(*by_batch[name], *(by_sample[name] if is_mean else ()))
        for name in weights
    }


def batch_gradients(
    loss: Loss,
    x: Tensor,
    y: Tensor,
    parameters: Sequence[Tensor],
    batches: Iterable[slice | Tensor],
) -> Iterator[tuple[float, Sequence[Tensor | None]]]:
    """Yields the loss of each batch, and its gradient for each parameter, or None where it does not depend on one.

    Args:
        loss: Loss of a batch.
        x: Inputs.
        y: Their classes.
        parameters: The parameters.
        batches: Rows of each batch.
    """
    for batch in batches:
        value = loss(x[batch], y[batch])
        yield value.item(), torch.autograd.grad(value, parameters, allow_unused=True)


def _spread(
    loss: Loss, x: Tensor, y: Tensor, weights: Mapping[str, list[Tensor]], batches: list[slice]
) -> tuple[dict[str, tuple[float, float]], float]:
    """Norms of the mean and of the standard deviation of each layer's gradient, and the mean loss."""
    parameters = [weight for tensors in weights.values() for weight in tensors]
    # float64: the standard deviation is a difference of sums
    sums = [torch.zeros_like(to_float64(weight.detach())) for weight in parameters]
    squares = [0.0] * len(parameters)
    total_loss = 0.0
    for value, gradients in batch_gradients(loss, x, y, parameters, batches):
        total_loss += value
        for index, gradient in enumerate(gradients):
            if gradient is not None:
                precise = to_float64(gradient)
                sums[index] += precise
                squares[index] += precise.square().sum().item()
    spread, first = {}, 0
    for name, tensors in weights.items():
        part = slice(first, first + len(tensors))
        mean_square = sum((total / len(batches)).square().sum().item() for total in sums[part])
        variance = max(sum(squares[part]) / len(batches) - mean_square, 0.0)
        spread[name] = math.sqrt(mean_square), math.sqrt(variance)
        first += len(tensors)
    return spread, total_loss / len(batches)
