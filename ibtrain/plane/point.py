"""A point of the information plane: the measured values of one layer at one epoch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ibtrain.checks import MAX_NAME, check_fields, check_number
from ibtrain.errors import ConfigError
from ibtrain.mi.result import Estimate

__all__ = [
    "AUDIT_SUFFIX",
    "IDENTITY_FIELDS",
    "LAYER_SCALARS",
    "RESERVED_NAMES",
    "PlaneMethod",
    "PlanePoint",
]

PlaneMethod = Literal["layerwise", "end_to_end", "watched"]
"""Training method of a measured network; ``watched`` is a training loop of the user's own."""

AUDIT_SUFFIX = "_audit"
"""Ends the names of values from fresh critics, which audit the tracked critics."""

IDENTITY_FIELDS = ("method", "seed", "layer", "epoch")
"""Fields that identify a point."""
RESERVED_NAMES = (*IDENTITY_FIELDS, "name", "audits")
"""Keys of events and results that no measured value may have; ``audits`` was written by an earlier version."""
LAYER_SCALARS = ("sigma", "activation_scale")
"""Scalars of every point, whatever its measures."""
MAX_VALUES = 1000
"""Maximum number of values of one point."""


@dataclass(frozen=True)
class PlanePoint:
    """Information of a layer about the input and the label, on held-out samples.

    Args:
        method: Training method of the network, a :data:`PlaneMethod`.
        seed: Random seed of the network.
        layer: Name of the layer.
        epoch: Number of epochs in the layer's own stage of training; a fraction within an epoch.
        scalars: Plain numbers by name: ``sigma``, the standard deviation of the noise in the units of the activations;
            ``activation_scale``, the root mean square of the units' standard deviations; and scalars of the
            measures (:mod:`ibtrain.plane.measures`), such as ``probe_accuracy``.
        estimates: Estimates of the measures by name, such as ``mi_xt``; a name that ends in ``_audit`` holds
            the value of a fresh critic.
    """

    method: PlaneMethod
    seed: int
    layer: str
    epoch: int | float
    scalars: dict[str, float] = field(default_factory=dict)
    estimates: dict[str, Estimate] = field(default_factory=dict)

    def values(self) -> Iterator[tuple[str, float]]:
        """Yields every measured number with its name; ceilings, which may be infinite, are left out."""
        yield from self.scalars.items()
        for name, estimate in self.estimates.items():
            for value in (estimate, estimate.secondary):
                if value is not None:
                    yield name, value.mi
                    yield f"stderr of {name}", value.stderr

    def __repr__(self) -> str:
        # the values, without the counts and the settings of each estimate
        values = [f"{name} {estimate}" for name, estimate in self.estimates.items()]
        values += [f"{name} {value:.4g}" for name, value in self.scalars.items()]
        text = f"{self.method}, seed {self.seed}, {self.layer}, epoch {self.epoch:g}"
        return f"<PlanePoint: {text}{': ' * bool(values)}{', '.join(values)}>"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the identifying fields, and each value under its name."""
        estimates = {name: estimate.to_dict() for name, estimate in self.estimates.items()}
        return {
            **{name: getattr(self, name) for name in IDENTITY_FIELDS},
            **self.scalars,
            **estimates,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PlanePoint":
        """The inverse of :meth:`to_dict`; values of unknown measures are kept.

        Raises:
            ConfigError: If a value has the wrong type, or is out of its range.
        """
        rest = dict(values)
        identity = {name: rest.pop(name) for name in IDENTITY_FIELDS}
        # earlier versions wrote the audits' values separately
        audits = rest.pop("audits", {})
        rest.update({f"{name}{AUDIT_SUFFIX}": value for name, value in audits.items()})
        if len(rest) > MAX_VALUES or any(len(name) > MAX_NAME for name in rest):
            expected = f"at most {MAX_VALUES}, with names of at most {MAX_NAME} characters"
            raise ConfigError(f"{len(rest)} values", expected, "point")
        estimates = {k: Estimate.from_dict(v) for k, v in rest.items() if isinstance(v, dict)}
        scalars = {k: v for k, v in rest.items() if k not in estimates}
        point = cls(**identity, scalars=scalars, estimates=estimates)
        check_fields("point", point)
        check_number("point.epoch", point.epoch, 0)
        if len(point.layer) > MAX_NAME:
            given = f"a layer's name of {len(point.layer)} characters"
            raise ConfigError(given, f"at most {MAX_NAME}", "point.layer")
        return point
