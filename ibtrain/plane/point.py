"""One layer at one moment on the information plane."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ibtrain.checks import MAX_NAME, check_fields, check_integer
from ibtrain.config import Method
from ibtrain.errors import ConfigError
from ibtrain.mi.result import Estimate

__all__ = ["AUDIT", "RESERVED", "PlanePoint"]

AUDIT = "_audit"
"""Ends the names of values that fresh critics give, to audit those that follow the layer."""

IDENTITY = ("method", "seed", "layer", "epoch")
"""What a point is of."""
RESERVED = (*IDENTITY, "name", "audits")
"""What events and results say of a point besides its values; the last one in an earlier version."""
MAX_VALUES = 1000
"""Of one point."""


@dataclass(frozen=True)
class PlanePoint:
    """What a layer knows of the input and of the label, held out.

    Args:
        method: What trains the network.
        seed: With which seed.
        layer: The layer's name.
        epoch: Epochs done in the layer's own stage of training.
        scalars: Plain numbers by name: ``sigma``, the standard deviation of the noise in the units of the activations;
            ``activation_scale``, the root mean square of the units' standard deviations; and those of the
            measures (:mod:`ibtrain.plane.measures`), such as ``probe_accuracy``.
        estimates: The measures' estimates by name, such as ``mi_xt``; a name that ends in ``_audit`` is that of
            a fresh critic's value.
    """

    method: Method
    seed: int
    layer: str
    epoch: int
    scalars: dict[str, float] = field(default_factory=dict)
    estimates: dict[str, Estimate] = field(default_factory=dict)

    def values(self) -> Iterator[tuple[str, float]]:
        """Every measured number by name; ceilings, which may be infinite, are none of them."""
        yield from self.scalars.items()
        for name, estimate in self.estimates.items():
            for reading in (estimate, estimate.secondary):
                if reading is not None:
                    yield name, reading.mi
                    yield f"stderr of {name}", reading.stderr

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: what the point is of, and each value under its own name."""
        estimates = {name: estimate.to_dict() for name, estimate in self.estimates.items()}
        return {**{name: getattr(self, name) for name in IDENTITY}, **self.scalars, **estimates}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PlanePoint":
        """The inverse of :meth:`to_dict`, which keeps values that no measure is known for.

        Raises:
            ConfigError: A value is of the wrong kind, or out of its range.
        """
        rest = dict(values)
        own = {name: rest.pop(name) for name in IDENTITY}
        # earlier versions kept the audits' values apart
        audits = rest.pop("audits", {})
        rest.update({f"{name}{AUDIT}": value for name, value in audits.items()})
        if len(rest) > MAX_VALUES or any(len(name) > MAX_NAME for name in rest):
            expected = f"at most {MAX_VALUES}, with names of at most {MAX_NAME} characters"
            raise ConfigError(f"{len(rest)} values", expected, "point")
        estimates = {k: Estimate.from_dict(v) for k, v in rest.items() if isinstance(v, dict)}
        scalars = {k: v for k, v in rest.items() if k not in estimates}
        point = cls(**own, scalars=scalars, estimates=estimates)
        check_fields("point", point)
        check_integer("point.epoch", point.epoch, 0)
        if len(point.layer) > MAX_NAME:
            given = f"a layer's name of {len(point.layer)} characters"
            raise ConfigError(given, f"at most {MAX_NAME}", "point.layer")
        return point
