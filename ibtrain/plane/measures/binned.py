"""H(T) and I(T; Y) of binned activations, as in the first information planes."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ibtrain.backend.random_layers import is_random_layer
from ibtrain.config import PlaneConfig
from ibtrain.mi.classical.discretised import (
    bin_activations,
    bin_as_idnns,
    bin_by_size,
    binned_layer,
    binned_units,
)
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Binned", "activation_range", "bin_as_configured"]

ACTIVATION_RANGES = {
    "Hardtanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Softsign": (-1.0, 1.0), "Tanh": (-1.0, 1.0),
}  # fmt: skip
"""Lower and upper end of the values of activation modules."""


class Binned(Measure):
    """Uncorrected plug-in values of the held-out activations, without noise, in bins of equal width.

    Valid as information only where the bins are a part of the network; else the values show how activations cluster.
    H(T) is I(X; T) of the binned layer if every sample is a different x, as with all inputs of an enumerated problem
    (``config.on`` is ``all``). In a wide layer nearly every sample has a cell of its own: then H(T) = ln N and
    I(T; Y) = H(Y) whatever the layer has learned, and both are flagged.

    IDNNs' bins, one range for all layers and epochs, are ``bin_rule="idnns"`` with 30 ``num_bins``; those of ibsgd, likewise
    the same for all, are ``bin_size=0.5`` (or 0.07 in its notebook of the 12-bit problem). By default each layer has a
    range of its own at each point. See :func:`~ibtrain.mi.classical.discretised.binned_layer` and
    :func:`~ibtrain.mi.classical.discretised.binned_units` for the values of single units.
    """

    quantities = (
        Quantity("mi_xt_binned", "H(T) binned"),
        Quantity("mi_ty_binned", "I(T;Y) binned"),
        Quantity("distinct_t", "distinct T", "count"),
        Quantity("mi_xt_unit", "mean H(T_j)", in_tables=False),
        Quantity("mi_xt_unit_min", "min H(T_j)", in_tables=False),
        Quantity("mi_xt_unit_max", "max H(T_j)", in_tables=False),
        Quantity("mi_ty_unit", "mean I(T_j;Y)", in_tables=False),
        Quantity("mi_ty_unit_min", "min I(T_j;Y)", in_tables=False),
        Quantity("mi_ty_unit_max", "max I(T_j;Y)", in_tables=False),
    )
    axes = "mi_xt_binned", "mi_ty_binned"
    title = "binned activations (clustering)"
    fits = False

    @classmethod
    def conditions(cls, config: PlaneConfig, noise: str) -> str:
        """The bins."""
        del noise
        if config.bin_size:
            return f"bins of width {config.bin_size:g}"
        ends = config.bin_range or ((-1.0, 1.0) if config.bin_rule == "idnns" else ())
        place = (
            "from {:g} to {:g}".format(*ends) if ends else "over each layer's range at each point"
        )
        if config.bin_rule == "activation":
            place = "over the range of the activation function"
        kind = "bin edges" if config.bin_rule == "idnns" else "bins"
        return f"{config.num_bins} {kind} {place}"

    def measure(self, layer: LayerSample) -> Values:
        """Bins the activations, and counts."""
        config = self.spec.config
        if config.bin_rule == "activation" and layer.module is not None:
            config = replace(config, bin_rule="equal", bin_range=activation_range(layer.module))
        bins = bin_as_configured(layer.h_test.cpu().numpy(), config)
        labels = layer.y_test.cpu().numpy()
        values, units = binned_layer(bins, labels), binned_units(bins, labels)
        names = [quantity.name for quantity in self.quantities if "unit" in quantity.name]
        return {
            "mi_xt_binned": values.entropy,
            "mi_ty_binned": values.label,
            "distinct_t": float(values.distinct),
            **dict(zip(names, (*units.entropy, *units.label), strict=True)),
        }


def activation_range(layer: nn.Module) -> tuple[float, ...]:
    """The range of a layer's activation function, or nothing if it has no lower or no upper end.

    Args:
        layer: An activation, or a block that ends with one; dropout or noise, which do nothing in evaluation mode, may
            follow.
    """
    leaves = [module for module in layer.modules() if not list(module.children())]
    names = [type(module).__name__ for module in leaves if not is_random_layer(module)]
    return ACTIVATION_RANGES.get(names[-1], ()) if names else ()


def bin_as_configured(h: NDArray[np.floating], config: PlaneConfig) -> NDArray[np.int32]:
    """The index of each activation's bin, by the number or the size of bins in the settings.

    Args:
        h: Activations, ``(n, dim)``.
        config: ``num_bins``, ``bin_range``, ``bin_size`` and ``bin_rule``.
    """
    if config.bin_size:
        return bin_by_size(h, config.bin_size)
    if config.bin_rule == "idnns":
        return bin_as_idnns(h, config.num_bins, *config.bin_range)
    return bin_activations(h, config.num_bins, *config.bin_range)
