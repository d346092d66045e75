"""The measures of a layer, one per file."""

from ibtrain.plane.measures.base import LayerSample, LayerSpec, Measure, Quantity, Values
from ibtrain.plane.measures.build import checked_values, measure_class, merged_values

__all__ = [
    "LayerSample",
    "LayerSpec",
    "Measure",
    "Quantity",
    "Values",
    "checked_values",
    "measure_class",
    "merged_values",
]
