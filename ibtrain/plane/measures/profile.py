"""The information profile: I(X; T) and I(T; Y) of the channel with known noise at several sizes of the noise."""

import math

from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.channel.noise import activation_scale
from ibtrain.mi.channel.profile import channel_profile
from ibtrain.plane.measures.base import LayerSample, Measure, Quantity, Values

__all__ = ["RADIUS_SHARES", "Profile"]

RADIUS_SHARES = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)
"""Standard deviations of the noise, as shares of the layer's radius."""


class Profile(Measure):
    """I(X; T) and I(T; Y) as functions of the noise, each exact for the held-out samples, as ``channel``.

    Valid for every layer: small noise shows fine differences between samples, large noise coarse ones, and a value that has
    reached ln N is flagged. The values are ``mi_xt_at_0.16``, ``mi_ty_at_0.16`` and so on, by the noise as a share of the
    layer's radius; tables leave them out. See :func:`~ibtrain.mi.channel.profile.channel_profile`.
    """

    quantities = tuple(
        Quantity(f"mi_{pair}_at_{share}", f"{heading} at {share}", in_tables=False)
        for pair, heading in (("xt", "I(X;T)"), ("ty", "I(T;Y)"))
        for share in RADIUS_SHARES
    )
    fits = False

    def measure(self, layer: LayerSample) -> Values:
        """Computes all values."""
        radius = activation_scale(layer.h_train).item() * math.sqrt(self.spec.dim)
        profile = channel_profile(
            layer.h_test,
            [share * radius for share in RADIUS_SHARES],
            layer.y_test,
            seed=derive_seed(layer.seed, "channel"),
        )
        values: Values = {}
        for share, point in zip(RADIUS_SHARES, profile, strict=True):
            assert point.mi_ty is not None
            values |= {f"mi_xt_at_{share}": point.mi_xt, f"mi_ty_at_{share}": point.mi_ty}
        return values
