"""The Gaussian channel ``t = h + sigma * eps``, which makes I(x; t) finite."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.backend.precision import at_least_float32

__all__ = ["GaussianNoise", "activation_scale"]

MIN_VARIANCE = 1e-12
"""Lower limit of a layer's variance; at zero (a constant layer) the root has no finite gradient."""


def activation_scale(h: Float[Tensor, "batch *dims"]) -> Float[Tensor, ""]:
    r"""Returns the root mean square of the units' standard deviations, :math:`\sqrt{\frac1d \sum_j \mathrm{Var}(h_j)}`.

    Args:
        h: Activations, ``(batch, ...)``.

    Returns:
        A scalar in the units of the activations.
    """
    units = h.flatten(1)
    # on a CPU, torch.var over columns takes four times as long
    return (units - units.mean(dim=0)).square().mean().clamp_min(MIN_VARIANCE).sqrt()


class GaussianNoise(nn.Module):
    r"""Adds isotropic Gaussian noise, :math:`t = h + \sigma \epsilon`.

    If it is relative, :math:`\sigma` is ``noise_std`` times the :func:`activation_scale` of h, so that a layer
    can't make the noise negligible by scaling its weights. In training the scale is computed on the batch, with a
    gradient; in evaluation it is a running average, or before the first step that of the batch.

    Args:
        noise_std: Standard deviation, in the units of h or, if it is relative, as a multiple of its scale.
        relative: Whether ``noise_std`` is relative to the scale of the activations.
    """

    MOMENTUM = 0.05
    running_scale: Tensor

    def __init__(self, noise_std: float, *, relative: bool = False) -> None:
        super().__init__()
        self.noise_std = noise_std
        self.relative = relative
        if relative:
            self.register_buffer("running_scale", torch.zeros(()))

    def sigma(self, h: Float[Tensor, "batch *dims"]) -> Float[Tensor, ""] | float:
        """Returns the standard deviation of the noise for these activations, in the units of h."""
        if not self.relative:
            return self.noise_std
        scale = activation_scale(at_least_float32(h))
        if not self.training:
            # before the first step there is no average
            return self.noise_std * torch.where(self.running_scale > 0, self.running_scale, scale)
        with torch.no_grad():
            first = self.running_scale == 0
            # `torch.where` with two Python numbers would copy them to the device
            weight = self.MOMENTUM + (1 - self.MOMENTUM) * first
            newest = self.running_scale.lerp(scale, weight)
            self.running_scale.copy_(torch.where(scale.isfinite(), newest, self.running_scale))
        return self.noise_std * scale

    def forward(
        self, h: Float[Tensor, "batch *dims"], eps: Float[Tensor, "batch *dims"]
    ) -> Float[Tensor, "batch *dims"]:
        """Returns ``t``; ``eps`` contains standard normal noise in the shape of ``h``."""
        return h + self.sigma(h) * eps
