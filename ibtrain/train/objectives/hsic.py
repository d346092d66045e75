"""The HSIC bottleneck."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ibtrain.train.objectives.kernel import KernelBottleneck, gaussian_gram, squared_distances

__all__ = ["HSICBottleneck", "normalised"]

WIDTH = 5.0
"""Width of the kernels, times the root of the dimension."""
RIDGE = 1e-5
"""Regularisation of the normalised Gram matrices, times the number of samples."""


class HSICBottleneck(KernelBottleneck):
    r"""The block maximises :math:`\mathrm{nHSIC}(h, y) - \beta\, \mathrm{nHSIC}(x, h)`.

    .. math:: \mathrm{nHSIC}(a, b) = \mathrm{tr}(\tilde K_a \tilde K_b), \qquad
        \tilde K = \bar K (\bar K + \epsilon n I)^{-1}

    with centred Gram matrices :math:`\bar K` of Gaussian kernels whose width is 5 times the root of the dimension, and
    :math:`\epsilon = 10^{-5}`. The value lies between 0 and the smaller of both ranks: at most C - 1 for y.

    References:
        Ma, Lewis & Kleijn, The HSIC Bottleneck (arXiv 1908.01580), eq. 4 to 7; there the first term has the weight
        instead, which is 1 over beta.
    """

    name: ClassVar[str] = "hsic"

    def gram(self, features: Tensor) -> Tensor:
        """Gaussian kernels of a width that grows with the dimension."""
        return gaussian_gram(squared_distances(features), WIDTH * math.sqrt(features.shape[1]))

    def dependences(self, gram: Tensor, others: Sequence[Tensor]) -> Sequence[Tensor]:
        """nHSIC of h with each of others."""
        first, *rest = (normalised(matrix) for matrix in (gram, *others))
        return [(first * matrix).sum() for matrix in rest]


def normalised(gram: Tensor) -> Tensor:
    """The centred Gram matrix times the inverse of its regularised self.

    Args:
        gram: Gram matrix, ``(batch, batch)``.
    """
    count = len(gram)
    means = gram.mean(0)
    centred = gram - means - means.unsqueeze(1) + means.mean()
    ridge = RIDGE * count * torch.eye(count, device=gram.device, dtype=gram.dtype)
    # `solve` would wait for the device, to check that the matrix is regular
    solution: Tensor = torch.linalg.solve_ex(centred + ridge, centred)[0]
    return solution
