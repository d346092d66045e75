"""Finds the class of a measure by its name, and checks the values that measures return."""

from collections.abc import Container, Iterable

from ibtrain.config import MEASURES
from ibtrain.errors import ModelError
from ibtrain.lazy import load_object
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, Measure, Values
from ibtrain.plane.point import LAYER_SCALARS, RESERVED_NAMES

__all__ = ["checked_values", "measure_class", "merged_values"]


def measure_class(name: str) -> type[Measure]:
    """Returns the class of a measure.

    Args:
        name: One of :data:`~ibtrain.config.MEASURES`.
    """
    measure_type: type[Measure] = load_object(MEASURES[name])
    return measure_type


def checked_values(measure: Measure, layer: LayerSample) -> Values:
    """Measures a layer and checks the result.

    Args:
        measure: The measure.
        layer: Activations of the layer.

    Raises:
        ModelError: If a value is missing, is neither an estimate nor a number, or has the name of another field, or if
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
        _check_free(name, (*RESERVED_NAMES, *LAYER_SCALARS), measure)
    return values


def merged_values(measures: Iterable[Measure], values: Iterable[Values]) -> Values:
    """The values of all measures of a layer.

    Args:
        measures: The measures.
        values: The values of each.

    Raises:
        ModelError: If two of them have the same name.
    """
    merged: Values = {}
    for measure, of_measure in zip(measures, values, strict=True):
        for name, value in of_measure.items():
            _check_free(name, merged, measure)
            merged[name] = value
    return merged


def _check_free(name: str, taken: Container[str], measure: Measure) -> None:
    if name in taken:
        expected = "a name that no other value of the point has"
        raise ModelError(f"a value called {name}", expected, type(measure).__name__)
