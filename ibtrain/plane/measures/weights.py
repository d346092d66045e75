"""Norm of a layer's weights, their correlation, and how far they have moved."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.backend.precision import to_float64
from ibtrain.errors import ModelError
from ibtrain.plane.gradients import weight_matrices, weight_norm
from ibtrain.plane.measures.base import LayerSample, LayerSpec, Measure, Quantity, Values

__all__ = ["Weights", "unit_correlation"]


class Weights(Measure):
    """Norm of the weights, mean correlation of the units' weights, and distance from the weights at the first point.

    Valid for every layer with a weight matrix, and exact; a layer without one has no values. Biases are not counted. See
    :func:`unit_correlation`.
    """

    quantities = (
        Quantity("weight_norm", "|W|", "", is_optional=True),
        Quantity("weight_correlation", "corr of W", "", is_optional=True),
        Quantity("weight_distance", "|W - W0|", "", is_optional=True),
    )
    fits = False
    reads_module = True

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__(spec)
        self.first: list[Tensor] | None = None

    @torch.no_grad()
    def measure(self, layer: LayerSample) -> Values:
        """Compares the weights with those of the first point."""
        weights = weight_matrices(layer.module) if layer.module else []
        if not weights:
            return {}
        if self.first is None:
            self.first = [weight.detach().clone() for weight in weights]
        shapes = [tuple(weight.shape) for weight in weights]
        first_shapes = [tuple(weight.shape) for weight in self.first]
        if shapes != first_shapes:
            raise ModelError(f"weights of shapes {shapes}", f"{first_shapes}", "measure weights")
        moved = [w - w0.to(w.device) for w, w0 in zip(weights, self.first, strict=True)]
        correlations = [unit_correlation(weight.flatten(1)) for weight in weights]
        return {
            "weight_norm": weight_norm(weights),
            "weight_correlation": sum(correlations) / len(correlations),
            "weight_distance": weight_norm(moved),
        }

    @classmethod
    def check_state(cls, state: dict[str, Any], spec: LayerSpec) -> None:
        """Checks that the state has tensors, if anything."""
        del spec
        first = state["first"]
        if first is not None and not all(isinstance(weight, Tensor) for weight in first):
            raise ValueError("weights that are no tensors")

    def state_dict(self) -> dict[str, Any]:
        """Weights at the first point."""
        return {"first": self.first}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a state of :meth:`state_dict`."""
        self.first = state["first"]


def unit_correlation(weights: Float[Tensor, "units inputs"]) -> float:
    """Mean absolute Pearson correlation between the weights of two different units; constant weights have none.

    Args:
        weights: A row of weights for each unit, ``(units, inputs)``.

    Example:
        >>> round(unit_correlation(torch.tensor([[1.0, 2.0, 3.0], [-2.0, -4.0, -6.0]])), 6)
        1.0
    """
    units = len(weights)
    if units < 2:
        return 0.0
    precise = to_float64(weights)
    centred = precise - precise.mean(dim=1, keepdim=True)
    rows = torch.nn.functional.normalize(centred, dim=1)
    correlations = (rows @ rows.T).abs().fill_diagonal_(0)
    return float(correlations.sum()) / (units * (units - 1))
