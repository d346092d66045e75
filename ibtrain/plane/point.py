"""One layer at one moment on the information plane."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from ibtrain.checks import MAX_NAME, check_fields, check_integer, check_number
from ibtrain.config import Method
from ibtrain.errors import ConfigError
from ibtrain.mi.result import Estimate

__all__ = ["ESTIMATES", "PlanePoint"]

ESTIMATES = ("mi_xt", "mi_ty", "mi_hy", "mi_xt_channel", "mi_ty_channel")


@dataclass(frozen=True)
class PlanePoint:
    """What a layer knows of the input and of the label, held out.

    Args:
        method: What trains the network.
        seed: With which seed.
        layer: The layer's name.
        epoch: Epochs done in the layer's own stage of training.
        sigma: Standard deviation of the noise in the units of the activations.
        activation_scale: Root mean square of the units' standard deviations.
        probe_accuracy: Test accuracy of a linear probe on the clean activations.
        mi_xt: I(x; t) by a warm-started MINE critic.
        mi_ty: I(t; y) likewise.
        mi_hy: I(h; y) likewise, without the noise.
        mi_xt_channel: I(x; t) from the known noise.
        mi_ty_channel: I(t; y) from the known noise.
        audits: The critics' three values by fresh ones, where these audited them.
    """

    method: Method
    seed: int
    layer: str
    epoch: int
    sigma: float
    activation_scale: float
    probe_accuracy: float
    mi_xt: Estimate
    mi_ty: Estimate
    mi_hy: Estimate
    mi_xt_channel: Estimate
    mi_ty_channel: Estimate
    audits: dict[str, Estimate] = field(default_factory=dict)

    def values(self) -> Iterator[tuple[str, float]]:
        """Every measured number by name; ceilings, which may be infinite, are none of them."""
        for name in ("sigma", "activation_scale", "probe_accuracy"):
            yield name, getattr(self, name)
        estimates = {name: getattr(self, name) for name in ESTIMATES}
        audits = {f"audit of {name}": audit for name, audit in self.audits.items()}
        for name, estimate in {**estimates, **audits}.items():
            for reading in (estimate, estimate.beside):
                if reading is not None:
                    yield name, reading.mi
                    yield f"stderr of {name}", reading.stderr

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        estimates = {name: values[name].to_dict() for name in ESTIMATES}
        audits = {name: audit.to_dict() for name, audit in self.audits.items()}
        return {**values, **estimates, "audits": audits}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PlanePoint":
        """The inverse of :meth:`to_dict`.

        Raises:
            ConfigError: A value is of the wrong kind, or out of its range.
        """
        estimates = {name: Estimate.from_dict(values[name]) for name in ESTIMATES}
        audits = {name: Estimate.from_dict(a) for name, a in values.get("audits", {}).items()}
        point = cls(**{**values, **estimates, "audits": audits})
        check_fields("point", point)
        check_integer("point.epoch", point.epoch, 0)
        if len(point.layer) > MAX_NAME:
            given = f"a layer's name of {len(point.layer)} characters"
            raise ConfigError(given, f"at most {MAX_NAME}", "point.layer")
        for name in ("mi_xt", "mi_ty"):
            check_number(f"point.{name}.ceiling", getattr(point, name).ceiling)
        return point
