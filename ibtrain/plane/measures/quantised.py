"""H(T) and I(T; Y) of a layer whose activations are stored in a few bits."""

from dataclasses import replace

from ibtrain.config import PlaneConfig
from ibtrain.mi.classical.discretised import binned_layer
from ibtrain.mi.classical.quantised import quantise
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Quantised"]


class Quantised(Measure):
    """Exact values of a network whose activations are rounded to 2^b levels, on the held-out samples.

    Valid as information without any noise, as the rounded layer is discrete: H(T) is I(X; T) if every sample is a different
    x. In a wide layer all samples differ, so that H(T) = ln N and I(T; Y) = H(Y), and both are flagged.

    Unlike those of ``binned``, the levels are what a quantised network computes with: activations are rounded to the nearest
    one, and the smallest and largest activation of the layer at this point are levels, whatever the settings of the bins.
    The activations of each layer are rounded by themselves, after a training in full precision: neither the weights nor the
    inputs of the next layer are rounded, as they are in a network that is trained with rounded ones.

    See :func:`~ibtrain.mi.classical.quantised.quantise` and :func:`~ibtrain.mi.classical.discretised.binned_layer`.
    """

    quantities = (
        Quantity("mi_xt_quantised", "H(T) quantised"),
        Quantity("mi_ty_quantised", "I(T;Y) quantised"),
        Quantity("distinct_levels", "distinct rows", "count"),
    )
    axes = "mi_xt_quantised", "mi_ty_quantised"
    title = "quantised activations"
    fits = False

    @classmethod
    def conditions(cls, config: PlaneConfig, noise: str) -> str:
        """The number of bits."""
        del noise
        return f"activations in {config.quantise_bits} bits"

    def measure(self, layer: LayerSample) -> Values:
        """Rounds the activations, and counts."""
        levels = quantise(layer.h_test.cpu().numpy(), self.spec.config.quantise_bits)
        values = binned_layer(levels, layer.y_test.cpu().numpy())
        return {
            "mi_xt_quantised": replace(values.entropy, method="quantised"),
            "mi_ty_quantised": replace(values.label, method="quantised"),
            "distinct_levels": float(values.distinct),
        }
