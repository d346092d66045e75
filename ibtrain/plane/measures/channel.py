"""I(X; T) and I(T; Y) from the known noise: exact for the samples at hand."""

from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Channel"]


class Channel(Measure):
    """Both by Monte Carlo over the mixture of the held-out samples: see :func:`~ibtrain.mi.channel.exact.channel_mi`."""

    quantities = (
        Quantity("mi_xt_channel", "I(X;T) channel"),
        Quantity("mi_ty_channel", "I(T;Y) channel"),
    )
    axes = "mi_xt_channel", "mi_ty_channel"
    title = "known noise (exact for these N samples)"

    def measure(self, layer: LayerSample) -> Values:
        """Both values."""
        # the known noise has no use for a class of which there is no sample
        present = layer.y_test.unique(return_inverse=True)[1]
        known = channel_mi(
            layer.h_test, layer.sigma, present, seed=derive_seed(layer.seed, "channel")
        )
        assert known.mi_ty is not None
        return {"mi_xt_channel": known.mi_xt, "mi_ty_channel": known.mi_ty}
