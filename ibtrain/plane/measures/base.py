"""Interface of all measures of a layer."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.config import PlaneConfig
from ibtrain.mi.result import Estimate
from ibtrain.plane.gradients import GradientStatistics

__all__ = ["LayerSample", "LayerSpec", "Measure", "Quantity", "Values"]

Values = dict[str, Estimate | float]
"""Measured values by the names of their quantities."""


@dataclass(frozen=True)
class Quantity:
    """A number that a measure returns for a layer.

    Args:
        name: Key of the value in the result of :meth:`Measure.measure`; unique among all measures.
        heading: Heading of its column in tables.
        unit: ``nats``; ``%`` for a share between 0 and 1, which is displayed in percent; ``count`` for a whole number; or
            an empty string.
        in_tables: Whether tables have a column for it.
        is_optional: Whether a measure may leave it out, for a layer that has no such value.
    """

    name: str
    heading: str
    unit: Literal["nats", "%", "count", ""] = "nats"
    in_tables: bool = True
    is_optional: bool = False


@dataclass(frozen=True)
class LayerSpec:
    """Fixed properties of the layer that a measure observes.

    Args:
        dim: Dimension of the layer, flattened.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        seed: Seeds everything random in the measure, by :func:`~ibtrain.backend.seeding.derive_seed`.
        config: Settings of the plane.
    """

    dim: int
    log_prior: Float[Tensor, " classes"]
    seed: int
    config: PlaneConfig

    @property
    def device(self) -> torch.device:
        """Device of the activations."""
        return self.log_prior.device

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.log_prior)


@dataclass(frozen=True)
class LayerSample:
    """A layer at one moment; measures must not change its tensors in place.

    Args:
        h_train: Activations of training samples, ``(n, dim)``, without noise.
        y_train: Their classes.
        h_test: Activations of held-out samples, ``(m, dim)``.
        y_test: Their classes.
        sigma: Standard deviation of the noise in ``t = h + sigma * eps``, in the units of h.
        seed: Seed of the plane, the same for all layers of a network (unlike the seed of the spec).
        moment: ``start`` or ``end`` of the layer's training, or the end of an ``epoch`` in between.
        module: The layer itself, with its weights; None if they are not known.
        gradients: Computes the gradients of the layer's weights, which takes time; it returns None for a layer without
            trained weights.
    """

    h_train: Float[Tensor, "n dim"]
    y_train: Int[Tensor, " n"]
    h_test: Float[Tensor, "m dim"]
    y_test: Int[Tensor, " m"]
    sigma: float
    seed: int
    moment: Literal["start", "epoch", "end"] = "epoch"
    module: nn.Module | None = None
    gradients: Callable[[], GradientStatistics | None] = lambda: None


class Measure(ABC):
    """Measures one layer repeatedly as the layer changes.

    A subclass is constructed as ``Subclass(spec)`` for each layer, declares its :attr:`quantities`, and implements
    :meth:`measure`. An entry of :data:`~ibtrain.config.MEASURES` gives it a name, by which ``--measures`` selects it.
    Its values are written to events, results and the table; the two of :attr:`axes` are drawn.

    Attributes:
        quantities: The values that the measure returns; additional values are kept, and displayed under their names.
        axes: Names of the estimates of I(X; T) and I(T; Y), which are drawn as a plane; None draws no plane.
        reads_module: Whether it reads the layer's ``module`` or ``gradients()``, and not its activations alone.
        fits: Whether it fits something to the training samples; otherwise it reads the held-out samples alone.
        title: Heading of that plane.

    Example:
        >>> class Sparsity(Measure):
        ...     quantities = (Quantity("zeros", "zeros %", "%"),)
        ...     def measure(self, layer):
        ...         return {"zeros": (layer.h_test == 0).float().mean().item()}
    """

    quantities: ClassVar[tuple[Quantity, ...]]
    axes: ClassVar[tuple[str, str] | None] = None
    title: ClassVar[str] = ""
    fits: ClassVar[bool] = True
    reads_module: ClassVar[bool] = False

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not getattr(cls, "quantities", ()):
            raise TypeError(f"{cls.__name__} declares no quantities")

    def __init__(self, spec: LayerSpec) -> None:
        self.spec = spec

    @abstractmethod
    def measure(self, layer: LayerSample) -> Values:
        """Measures the layer in its current state.

        Args:
            layer: Activations of training and of held-out samples.
        """

    @classmethod
    def conditions(cls, config: PlaneConfig, noise: str) -> str:
        """Returns what the values depend on besides the samples, in words, for captions.

        Args:
            config: Settings of the plane.
            noise: The noise of the plane in words, on which most measures depend.
        """
        del config
        return noise

    @classmethod
    def check_state(cls, state: dict[str, Any], spec: LayerSpec) -> None:
        """Checks an untrusted state before a measure is created for it.

        Raises:
            ValueError: If the state belongs to a layer of another dimension.
        """
        del state, spec

    def state_dict(self) -> dict[str, Any]:
        """State on which the next measurement depends, besides the layer.

        Tensors, numbers, strings and None, in lists and in dictionaries whose keys are strings, so that checkpoints can have it.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a state of :meth:`state_dict`."""
        del state
