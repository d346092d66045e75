"""I(X; T) and I(T; Y) of the channel with known noise, exact for the given samples."""

from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Channel"]

MANY_SAMPLES = 2000
"""Number of samples from which on one noise vector for each is enough: on MNIST the standard errors are below 0.02 nats."""


class Channel(Measure):
    """I(X; T) and I(T; Y) by Monte Carlo over the mixture of the held-out samples.

    Valid for every layer with the plane's noise: exact for x uniform over these samples; a value at ln N, which is flagged,
    says only that the noise is too small to confuse them. See :func:`~ibtrain.mi.channel.exact.channel_mi`.
    """

    quantities = (
        Quantity("mi_xt_channel", "I(X;T) exact"),
        Quantity("mi_ty_channel", "I(T;Y) exact"),
    )
    axes = "mi_xt_channel", "mi_ty_channel"
    title = "exact for these N samples"
    fits = False

    def measure(self, layer: LayerSample) -> Values:
        """Computes both values."""
        draws = 2 if len(layer.y_test) < MANY_SAMPLES else 1
        seed = derive_seed(layer.seed, "channel")
        exact = channel_mi(layer.h_test, layer.sigma, layer.y_test, draws=draws, seed=seed)
        assert exact.mi_ty is not None
        return {"mi_xt_channel": exact.mi_xt, "mi_ty_channel": exact.mi_ty}
