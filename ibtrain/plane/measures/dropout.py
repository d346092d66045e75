"""I(X; T) and I(T; Y) of a layer with Gaussian dropout."""

from ibtrain.backend.seeding import derive_seed
from ibtrain.config import PlaneConfig
from ibtrain.mi.channel.dropout import dropout_mi
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Dropout"]


class Dropout(Measure):
    """I(X; T) and I(T; Y) of the multiplicative noise of Gaussian dropout, exact for the held-out samples.

    Valid as the network's own information where it is trained with such dropout, and finite for every layer. The noise grows
    with the activations, so that no scaling of weights outgrows it. A unit that is exactly 0, as after a ReLU, has no noise:
    the values then contain which units are inactive, and are flagged ``inactive``; in a wide ReLU layer that alone is ln N.
    See :func:`~ibtrain.mi.channel.dropout.dropout_mi`.
    """

    quantities = (
        Quantity("mi_xt_dropout", "I(X;T) dropout"),
        Quantity("mi_ty_dropout", "I(T;Y) dropout"),
    )
    axes = "mi_xt_dropout", "mi_ty_dropout"
    title = "Gaussian dropout, exact for these N samples"
    fits = False

    @classmethod
    def conditions(cls, config: PlaneConfig, noise: str) -> str:
        """The variance of the multiplicative noise."""
        del noise
        return f"Gaussian dropout of variance {config.dropout_alpha:g}"

    def measure(self, layer: LayerSample) -> Values:
        """Computes both values."""
        alpha = self.spec.config.dropout_alpha
        seed = derive_seed(layer.seed, "dropout")
        values = dropout_mi(layer.h_test, alpha, layer.y_test, seed=seed)
        assert values.mi_ty is not None
        return {"mi_xt_dropout": values.mi_xt, "mi_ty_dropout": values.mi_ty}
