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
    *,
    by_sample: bool = True,
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
        by_sample: Whether there are statistics of single samples too, if the loss of a batch is the mean of its samples' losses.

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
    of_batches = _spread(loss, x, y, weights, batches[:MAX_BATCHES])
    x, y = x[:SINGLE_SAMPLES], y[:SINGLE_SAMPLES]
    of_samples: dict[str, tuple[float, ...]] = dict.fromkeys(weights, ())
    if by_sample and _is_mean(loss, x, y):
        of_samples |= _spread(loss, x, y, weights, _single(x))
    return {name: GradientStatistics(*of_batches[name], *of_samples[name]) for name in weights}


@torch.no_grad()
def _is_mean(loss: Loss, x: Tensor, y: Tensor) -> bool:
    """Whether the loss of a batch is the mean of its samples' losses."""
    of_batch = loss(x, y).item()
    try:
        of_samples = [loss(x[row], y[row]).item() for row in _single(x)]
    except (IndexError, RuntimeError, ValueError):
        # a loss that compares samples may have no value for one
        return False
    mean = sum(of_samples) / len(of_samples)
    return math.isclose(of_batch, mean, rel_tol=MEAN_TOLERANCE, abs_tol=MEAN_TOLERANCE)


def _single(x: Tensor) -> list[slice]:
    """Batches of one sample each."""
    return [slice(n, n + 1) for n in range(len(x))]


def batch_gradients(
    loss: Loss,
    x: Tensor,
    y: Tensor,
    parameters: Sequence[Tensor],
    batches: Iterable[slice | Tensor],
) -> Iterator[Sequence[Tensor | None]]:
    """Yields the gradient of the loss of each batch for each parameter, or None where it does not depend on one.

    Args:
        loss: Loss of a batch.
        x: Inputs.
        y: Their classes.
        parameters: The parameters.
        batches: Rows of each batch.
    """
    for batch in batches:
        value = loss(x[batch], y[batch])
        yield torch.autograd.grad(value, parameters, allow_unused=True)


def _spread(
    loss: Loss, x: Tensor, y: Tensor, weights: Mapping[str, list[Tensor]], batches: list[slice]
) -> dict[str, tuple[float, float]]:
    """Norms of the mean and of the standard deviation of each layer's gradient."""
    parameters = [weight for tensors in weights.values() for weight in tensors]
    # float64: the standard deviation is a difference of sums
    sums = [torch.zeros_like(to_float64(weight.detach())) for weight in parameters]
    squares = [0.0] * len(parameters)
    for gradients in batch_gradients(loss, x, y, parameters, batches):
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
    return spread
