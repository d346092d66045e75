"""H(T) and I(T; Y) of binned activations, as in the first information planes."""

from ibtrain.mi.classical.discretised import bin_activations, binned_layer
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Binned"]


class Binned(Measure):
    """Uncorrected plug-in values of the held-out activations, without noise, in bins of equal width.

    H(T) is I(X; T) of the binned layer if every sample is a different x. For a deterministic network both values show
    how activations cluster, and not information. In a wide layer nearly every sample has a cell of its own: then
    H(T) = ln N and I(T; Y) = H(Y) whatever the layer has learned, and both are flagged. See
    :func:`~ibtrain.mi.classical.discretised.binned_layer`.
    """

    quantities = (
        Quantity("mi_xt_binned", "H(T) binned"),
        Quantity("mi_ty_binned", "I(T;Y) binned"),
        Quantity("distinct_t", "distinct T", "count"),
    )
    axes = "mi_xt_binned", "mi_ty_binned"
    title = "binned activations (clustering)"
    fits = False

    def measure(self, layer: LayerSample) -> Values:
        """Bins the activations, and counts."""
        config = self.spec.config
        bins = bin_activations(layer.h_test.cpu().numpy(), config.num_bins, *config.bin_range)
        values = binned_layer(bins, layer.y_test.cpu().numpy())
        return {
            "mi_xt_binned": values.entropy,
            "mi_ty_binned": values.label,
            "distinct_t": float(values.distinct),
        }
