"""I(X; T) and I(T; Y) of the leading principal components of a layer."""

from ibtrain.backend.seeding import derive_seed
from ibtrain.config import PlaneConfig
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.components import leading_components
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Compressed"]


class Compressed(Measure):
    """The known-noise values of the leading principal components of the noisy held-out samples.

    Valid as lower bounds of the values of the whole layer, which are tight where the components keep the variance above
    the noise: a projection of t = h + sigma * eps is the projection of h with the same noise. Unlike those of wide layers,
    the values of few components do not saturate at ln N.

    References:
        Butakov et al. (arXiv 2305.08013), who compress before they estimate.
    """

    quantities = (
        Quantity("mi_xt_compressed", "I(X;T) compressed"),
        Quantity("mi_ty_compressed", "I(T;Y) compressed"),
        Quantity("variance_share", "variance %", "%"),
    )
    axes = "mi_xt_compressed", "mi_ty_compressed"
    title = "leading principal components (lower bounds)"
    fits = False

    @classmethod
    def conditions(cls, config: PlaneConfig, noise: str) -> str:
        """The noise and the number of components."""
        return f"{noise}; {config.components} principal components"

    def measure(self, layer: LayerSample) -> Values:
        """Projects the activations, and computes both values."""
        components = leading_components(layer.h_test, self.spec.config.components)
        seed = derive_seed(layer.seed, "compressed")
        values = channel_mi(components.values, layer.sigma, layer.y_test, seed=seed)
        assert values.mi_ty is not None
        return {
            "mi_xt_compressed": values.mi_xt,
            "mi_ty_compressed": values.mi_ty,
            "variance_share": components.variance_share,
        }
