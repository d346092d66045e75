"""Bounds on I(X; T), and approximations of I(T; Y), from the distances between a layer's outputs."""

from ibtrain.mi.channel.pairwise import BHATTACHARYYA, KL, pairwise_values
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["Pairwise"]


class Pairwise(Measure):
    """Kernel-density values of the held-out samples, at the standard deviation of the plane's noise.

    I(X; T) lies between the Bhattacharyya and the Kullback-Leibler value; both are at most ln N. The values of I(T; Y)
    are differences of such bounds, and approximations. See :func:`~ibtrain.mi.channel.pairwise.pairwise_values`.
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

    def measure(self, layer: LayerSample) -> Values:
        """Computes both bounds."""
        lower, upper = (
            pairwise_values(layer.h_test, layer.y_test, layer.sigma, share)
            for share in (BHATTACHARYYA, KL)
        )
        return {
            "mi_xt_lower": lower.mi_xt,
            "mi_xt_upper": upper.mi_xt,
            "mi_ty_lower": lower.mi_ty,
            "mi_ty_upper": upper.mi_ty,
        }
