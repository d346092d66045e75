"""From a measure's name to its class, and a look at what it gives."""

from collections.abc import Collection

from ibtrain.config import MEASURES
from ibtrain.errors import ModelError
from ibtrain.lazy import load_class
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, Measure, Values
from ibtrain.plane.point import RESERVED

__all__ = ["checked_values", "measure_class"]


def measure_class(name: str) -> type[Measure]:
    """The class of a measure.

    Args:
        name: One of :data:`~ibtrain.config.MEASURES`.
    """
    found: type[Measure] = load_class(MEASURES[name])
    return found


def checked_values(measure: Measure, layer: LayerSample, taken: Collection[str]) -> Values:
    """What a measure says of a layer, after a look at it.

    Args:
        measure: Of the layer.
        layer: At a moment.
        taken: Names that other values of the point have.

    Raises:
        ModelError: If a value is missing, is neither an estimate nor a number, has a name that is taken, or if
            the measure has changed the layer's activations.
    """
    kind = type(measure).__name__
    versions = [h._version for h in (layer.h_train, layer.h_test)]
    values = measure.measure(layer)
    if versions != [h._version for h in (layer.h_train, layer.h_test)]:
        raise ModelError("activations changed in place", "a measure that leaves them alone", kind)
    for name in [quantity.name for quantity in measure.quantities if quantity.name not in values]:
        raise ModelError(f"no value for {name}", "all quantities that the measure names", kind)
    for name, value in values.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number and not isinstance(value, Estimate):
            raise ModelError(f"{name}: a {type(value).__name__}", "an Estimate or a number", kind)
        if name in taken or name in RESERVED:
            expected = "a name that nothing else of the point has"
            raise ModelError(f"a value called {name}", expected, kind)
    return values
