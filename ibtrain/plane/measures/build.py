"""Finds the class of a measure by its name, and checks the values that measures return."""

from collections.abc import Collection

from ibtrain.config import MEASURES
from ibtrain.errors import ModelError
from ibtrain.lazy import load_object
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, Measure, Values
from ibtrain.plane.point import RESERVED_NAMES

__all__ = ["checked_values", "measure_class"]


def measure_class(name: str) -> type[Measure]:
    """Returns the class of a measure.

    Args:
        name: One of :data:`~ibtrain.config.MEASURES`.
    """
    measure_type: type[Measure] = load_object(MEASURES[name])
    return measure_type


def checked_values(measure: Measure, layer: LayerSample, taken: Collection[str]) -> Values:
    """Measures a layer and checks the result.

    Args:
        measure: The measure.
        layer: Activations of the layer.
        taken: Names of the other values of the point.

    Raises:
        ModelError: If a value is missing, is neither an estimate nor a number, or has a name that is taken, or if
            the measure has changed the layer's activations.
    """
    kind = type(measure).__name__
    versions = [h._version for h in (layer.h_train, layer.h_test)]
    values = measure.measure(layer)
    if versions != [h._version for h in (layer.h_train, layer.h_test)]:
        raise ModelError(
            "activations changed in place", "a measure that leaves them unchanged", kind
        )
    needed = [quantity.name for quantity in measure.quantities if not quantity.is_optional]
    for name in [name for name in needed if name not in values]:
        raise ModelError(f"no value for {name}", "all quantities that the measure declares", kind)
    for name, value in values.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number and not isinstance(value, Estimate):
            raise ModelError(f"{name}: a {type(value).__name__}", "an Estimate or a number", kind)
        if name in taken or name in RESERVED_NAMES:
            expected = "a name that no other value of the point has"
            raise ModelError(f"a value called {name}", expected, kind)
    return values
