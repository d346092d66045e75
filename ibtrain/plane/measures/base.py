"""What can be measured of a layer: the interface of all measures."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.config import PlaneConfig
from ibtrain.mi.result import Estimate

__all__ = ["LayerSample", "LayerSpec", "Measure", "Quantity", "Values"]

Values = dict[str, Estimate | float]
"""What is measured, by the quantities' names."""


@dataclass(frozen=True)
class Quantity:
    """A number that a measure gives of a layer.

    Args:
        name: Key of the value in what :meth:`Measure.measure` returns; no other measure has it.
        heading: What it is called in tables.
        unit: ``nats``; ``%`` for a share between 0 and 1, which is shown times 100; or nothing.
    """

    name: str
    heading: str
    unit: Literal["nats", "%", ""] = "nats"


@dataclass(frozen=True)
class LayerSpec:
    """What a measure knows of the layer that it follows.

    Args:
        dim: Dimension of the layer, flattened.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        seed: Seeds everything random in the measure, by :func:`~ibtrain.backend.seeding.derive_seed`.
        config: How the plane is measured.
    """

    dim: int
    log_prior: Float[Tensor, " classes"]
    seed: int
    config: PlaneConfig

    @property
    def device(self) -> torch.device:
        """Where the activations are."""
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
        seed: The plane's seed, which is the same for all layers of a network, unlike that of the spec.
        moment: ``start`` or ``end`` of the layer's training, or the end of an ``epoch`` between them.
    """

    h_train: Float[Tensor, "n dim"]
    y_train: Int[Tensor, " n"]
    h_test: Float[Tensor, "m dim"]
    y_test: Int[Tensor, " m"]
    sigma: float
    seed: int
    moment: Literal["start", "epoch", "end"] = "epoch"


class Measure(ABC):
    """Measures one layer again and again as the layer changes.

    A subclass is constructed as ``Subclass(spec)`` for each layer, names its :attr:`quantities`, and implements
    :meth:`measure`. A line of :data:`~ibtrain.config.MEASURES` gives it a name, by which ``--measures`` chooses it.
    Its values are in events, results and the table; those of ``axes`` are drawn.

    Attributes:
        quantities: What it gives; values beyond these are kept too, and shown under their own names.
        axes: Names of the two estimates that are I(X; T) and I(T; Y) of a point on a plane; None draws no plane.
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

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not getattr(cls, "quantities", ()):
            raise TypeError(f"{cls.__name__} names no quantities")

    def __init__(self, spec: LayerSpec) -> None:
        self.spec = spec

    @abstractmethod
    def measure(self, layer: LayerSample) -> Values:
        """The values of the layer as it is now.

        Args:
            layer: Its activations on training and on held-out samples.
        """

    @classmethod
    def check_state(cls, state: dict[str, Any], spec: LayerSpec) -> None:
        """Checks a state that may come from anywhere, before a measure is made for it.

        Raises:
            ValueError: If the state is of a layer of another dimension.
        """
        del state, spec

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next measurement depends on, besides the layer."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        del state
