"""I(X; T) and I(H; Y) by nearest neighbours."""

from dataclasses import replace

import torch
from torch import Tensor

from ibtrain.backend.seeding import derive_seed, generator
from ibtrain.mi.components import leading_components
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Ksg"]

MAX_UNITS = 10
"""Largest number of units that neighbours are searched in; wider layers take minutes, and are undersampled anyway."""


class Ksg(Measure):
    """Nearest-neighbour estimates of the held-out samples: I(H; Y) of clean activations, and I(H; T), which is I(X; T).

    Valid for layers of one to three units with thousands of samples: the estimates are too low in more, and flagged
    ``undersampled``. Of a layer of more than ten units only the ten leading principal components are read, which have no more
    information than the layer. See :func:`~ibtrain.mi.classical.ksg.ksg`.
    """

    quantities = (
        Quantity("mi_xt_ksg", "I(X;T) ksg"),
        Quantity("mi_hy_ksg", "I(H;Y) ksg"),
    )
    axes = "mi_xt_ksg", "mi_hy_ksg"
    title = "nearest neighbours (few units)"
    fits = False

    def measure(self, layer: LayerSample) -> Values:
        """Estimates both values."""
        h = layer.h_test
        if h.shape[1] > MAX_UNITS:
            h = leading_components(h, MAX_UNITS).values
        randomness = generator(h.device, layer.seed, "ksg noise")
        # samples that are sorted by class are no time series
        order = torch.randperm(len(h), generator=randomness, device=h.device)
        h, y = h[order], layer.y_test[order]
        t = h + layer.sigma * torch.randn(h.shape, generator=randomness, device=h.device)
        return {
            "mi_xt_ksg": self._estimate(h, t, layer.seed, is_label=False),
            "mi_hy_ksg": self._estimate(h, y, layer.seed, is_label=True),
        }

    def _estimate(self, x: Tensor, y: Tensor, seed: int, *, is_label: bool) -> Estimate:
        # imported here, because tables and pictures import every measure, and all estimators take half a second
        from ibtrain.mi.registry import estimate

        seed = derive_seed(seed, "ksg")
        value = estimate(x, y, "ksg", seed=seed, discrete_x=False, discrete=is_label)
        is_narrower = x.shape[1] < self.spec.dim
        flags = (*value.flags, *(("undersampled",) if is_narrower else ()))
        return replace(value, flags=tuple(dict.fromkeys(flags)), read_as=None, entropy=None)
