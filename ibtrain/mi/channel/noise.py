"""The Gaussian channel ``t = h + sigma * eps`` that makes I(x; t) a finite number."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.backend.precision import at_least_float32

__all__ = ["GaussianNoise", "activation_scale"]

SMALLEST = 1e-12
"""Variance below which a layer counts as this variable: a constant one has no gradient at zero."""


def activation_scale(h: Float[Tensor, "batch *dims"]) -> Float[Tensor, ""]:
    r"""Root mean square of the units' standard deviations, :math:`\sqrt{\frac1d \sum_j \mathrm{Var}(h_j)}`.

    Args:
        h: Activations, ``(batch, ...)``.

    Returns:
        A scalar in the activations' own units.
    """
    units = h.flatten(1)
    # a CPU takes four times as long over torch's own variance of the columns
    return (units - units.mean(dim=0)).square().mean().clamp_min(SMALLEST).sqrt()


class GaussianNoise(nn.Module):
    r"""Adds isotropic Gaussian noise, :math:`t = h + \sigma \epsilon`.

    Where it is relative, :math:`\sigma` is ``noise_std`` times the :func:`activation_scale`
    of h, so that a layer can't outgrow the noise by scaling its weights: while training it is the
    batch's own (the gradient sees it), afterwards a running average.

    Args:
        noise_std: Standard deviation, in the units of h or, where it is relative, of its scale.
        relative: Which of the two.
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
        """Standard deviation of the noise that h gets now, in the units of h."""
        if not self.relative:
            return self.noise_std
        if not self.training:
            return self.noise_std * self.running_scale
        scale = activation_scale(at_least_float32(h))
        with torch.no_grad():
            first = self.running_scale == 0
            # between two numbers, `where` would copy them to the device
            weight = self.MOMENTUM + (1 - self.MOMENTUM) * first
            newest = self.running_scale.lerp(scale, weight)
            self.running_scale.copy_(torch.where(scale.isfinite(), newest, self.running_scale))
        return self.noise_std * scale

    def forward(
        self, h: Float[Tensor, "batch *dims"], eps: Float[Tensor, "batch *dims"]
    ) -> Float[Tensor, "batch *dims"]:
        """Returns ``t``; ``eps`` is standard normal, and of the shape of ``h``."""
        return h + self.sigma(h) * eps
