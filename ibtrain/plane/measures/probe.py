"""Linear probes: accuracy of a linear classifier on the activations of a layer."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.plane.measures.base import LayerSample, LayerSpec, Measure, Quantity, Values

__all__ = ["LinearProbe", "Probe"]

MAX_ITERATIONS = 100
WEIGHT_DECAY = 1e-3
GRADIENT_TOLERANCE = 1e-4
"""Largest component of the gradient, in nats, at which a fit has converged: on MNIST's trained layers the
accuracy is then within 0.05 % of the accuracy after thousands of iterations (at 1e-3 it is 0.1 to 0.25 % lower)."""


class Probe(Measure):
    """Held-out accuracy of a linear classifier of the layer's activations, without noise.

    Valid for every layer, as an accuracy: it shows what a linear reader can use, and not what the layer contains.
    """

    quantities = (Quantity("probe_accuracy", "probe %", "%"),)

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__(spec)
        self.probe = LinearProbe(spec.dim, spec.num_classes, spec.device)

    def measure(self, layer: LayerSample) -> Values:
        """Fits the probe to the training samples, and evaluates it on the held-out ones."""
        self.probe.fit(layer.h_train, layer.y_train)
        return {"probe_accuracy": self.probe.accuracy(layer.h_test, layer.y_test)}

    @classmethod
    def check_state(cls, state: dict[str, Any], spec: LayerSpec) -> None:
        """Compares the shape of the weights with the layer."""
        if state["weight"].shape != (spec.num_classes, spec.dim):
            raise ValueError(f"a probe of another width than {spec.dim}")

    def state_dict(self) -> dict[str, Any]:
        """State of the probe."""
        return self.probe.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a state of :meth:`state_dict`."""
        self.probe.load_state_dict(state)


class LinearProbe:
    r"""Test accuracy of a logistic regression fitted to a layer's standardised activations.

    It minimises the mean cross-entropy plus :math:`\frac{\lambda}{2} \lVert W \rVert^2` with
    :math:`\lambda` = 1e-3 by L-BFGS, a convex problem with one solution. Each fit starts from the solution of
    the last one, and converges quickly if the layer has hardly changed.

    Args:
        dim: Dimension of the layer.
        num_classes: Number of classes.
        device: Device of the activations.

    References:
        Alain & Bengio 2016 (arXiv 1610.01644).
    """

    def __init__(self, dim: int, num_classes: int, device: torch.device) -> None:
        self.weight = torch.zeros(num_classes, dim, device=device, requires_grad=True)
        self.bias = torch.zeros(num_classes, device=device, requires_grad=True)
        self.mean = torch.zeros(dim, device=device)
        self.std = torch.ones(dim, device=device)

    def state_dict(self) -> dict[str, Tensor]:
        """Weights, from which the next fit starts, and the mean and standard deviation of the activations."""
        return {
            "weight": self.weight,
            "bias": self.bias,
            "mean": self.mean,
            "std": self.std,
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restores a state of :meth:`state_dict`."""
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])

    def fit(self, h: Float[Tensor, "n dim"], labels: Int[Tensor, " n"]) -> None:
        """Fits the probe to the current activations.

        Args:
            h: Activations, ``(n, dim)``.
            labels: Their classes, ``(n,)``.
        """
        self.mean = h.mean(dim=0)
        centred = h - self.mean
        self.std = centred.square().mean(dim=0).sqrt().clamp_min(1e-6)
        inputs = centred.div_(self.std)
        optimizer = torch.optim.LBFGS(
            [self.weight, self.bias],
            max_iter=MAX_ITERATIONS,
            tolerance_grad=GRADIENT_TOLERANCE,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            scores = nn.functional.linear(inputs, self.weight, self.bias)
            loss = nn.functional.cross_entropy(scores, labels)
            loss = loss + 0.5 * WEIGHT_DECAY * self.weight.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    @torch.no_grad()
    def accuracy(self, h: Float[Tensor, "n dim"], labels: Int[Tensor, " n"]) -> float:
        """Share of correctly classified samples."""
        scores = nn.functional.linear((h - self.mean) / self.std, self.weight, self.bias)
        return (scores.argmax(dim=1) == labels).float().mean().item()
