"""Principal components of a layer."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.backend.precision import to_float64

__all__ = ["Components", "leading_components"]

MAX_FITTED = 1000
"""Maximum number of samples to which the directions are fitted in wider layers: their Gram matrix is then the smaller one."""


class Components(NamedTuple):
    """Leading principal components.

    Args:
        values: Coordinates of the centred samples along the components, ``(n, count)``, in the units of h.
        variance_share: Share of the layer's variance that they keep.
    """

    values: Float[Tensor, "n count"]
    variance_share: float


@torch.no_grad()
def leading_components(h: Float[Tensor, "n dim"], count: int) -> Components:
    r"""Projects samples on the orthonormal directions of their largest variances.

    A projection of :math:`t = h + \sigma \epsilon` is the projection of h with noise of the same :math:`\sigma`, and by the
    data-processing inequality it has no more information than t.

    Args:
        h: Activations, ``(n, dim)``. In layers of more than 1,000 units, the directions are those of 1,000 samples.
        count: Number of components; at most ``dim`` are returned.

    Example:
        >>> h = torch.tensor([[3.0, 4.0], [-3.0, -4.0], [0.0, 0.0]])
        >>> components = leading_components(h, 1)
        >>> components.values.abs().flatten(), round(components.variance_share, 4)
        (tensor([5., 5., 0.]), 1.0)
    """
    centred = to_float64(h - h.mean(dim=0))
    if h.shape[1] <= MAX_FITTED:
        directions = torch.linalg.eigh(centred.T @ centred).eigenvectors
    else:
        sample = centred[:: math.ceil(len(h) / MAX_FITTED)]
        variances, coordinates = torch.linalg.eigh(sample @ sample.T)
        directions = sample.T @ coordinates / variances.clamp_min(1e-300).sqrt()
    values = centred @ directions[:, -count:].flip(1)
    total = centred.square().sum()
    share = float(values.square().sum() / total) if total else 1.0
    return Components(values.to(h.device, h.dtype), share)
