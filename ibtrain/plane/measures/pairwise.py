"""Bounds on I(X; T), and approximations of I(T; Y), from the distances between a layer's outputs."""

from dataclasses import replace

from ibtrain.config import PlaneConfig
from ibtrain.mi.channel.bandwidth import fitted_bandwidth
from ibtrain.mi.channel.pairwise import pairwise_bounds
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Pairwise"]


class Pairwise(Measure):
    """Kernel-density values of the held-out samples, at the standard deviation of the plane's noise.

    Valid as bounds at the plane's noise: I(X; T) lies between the Bhattacharyya and the Kullback-Leibler value, and both
    are at most ln N. The values of I(T; Y) are differences of such bounds, and approximations. With ``kde_noise="fitted"``
    the standard deviation is the bandwidth that fits the layer best (``kde_sigma``), another one for each layer and
    point, so that the values of two points differ in their noise too. See
    :func:`~ibtrain.mi.channel.pairwise.pairwise_bounds` and :func:`~ibtrain.mi.channel.bandwidth.fitted_bandwidth`.
    """

    quantities = (
        Quantity("mi_xt_lower", "I(X;T) lower"),
        Quantity("mi_xt_upper", "I(X;T) upper"),
        Quantity("mi_ty_lower", "I(T;Y) by lower"),
        Quantity("mi_ty_upper", "I(T;Y) by upper"),
    )
    axes = "mi_xt_upper", "mi_ty_upper"
    title = "pairwise KL (upper bounds of I(X; T))"
    fits = False

    @classmethod
    def conditions(cls, config: PlaneConfig, noise: str) -> str:
        """The width of the kernels."""
        return "kernels fitted to each layer" if config.kde_noise == "fitted" else noise

    def measure(self, layer: LayerSample) -> Values:
        """Computes both bounds."""
        is_fitted = self.spec.config.kde_noise == "fitted"
        sigma, is_at_end = fitted_bandwidth(layer.h_test) if is_fitted else (layer.sigma, False)
        lower, upper = pairwise_bounds(layer.h_test, sigma, layer.y_test)
        assert lower.mi_ty is not None
        assert upper.mi_ty is not None
        estimates = {
            "mi_xt_lower": lower.mi_xt,
            "mi_xt_upper": upper.mi_xt,
            "mi_ty_lower": lower.mi_ty,
            "mi_ty_upper": upper.mi_ty,
        }
        if is_at_end:
            estimates = {
                name: replace(value, flags=(*value.flags, "bandwidth_limit"))
                for name, value in estimates.items()
            }
        return {**estimates, **({"kde_sigma": sigma} if is_fitted else {})}
