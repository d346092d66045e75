"""The leading principal components of a layer, tracked as the layer changes."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["leading_components"]

QR_ITERATIONS = 2
"""Orthogonal iterations at each update of the basis."""


def leading_components(
    h: Float[Tensor, "*K n dim"], start: Float[Tensor, "*K dim k"]
) -> Float[Tensor, "*K dim k"]:
    r"""Orthonormal basis that (nearly) spans the leading principal components.

    Orthogonal iteration, :math:`B \leftarrow \mathrm{qr}(\Sigma B)`. If it starts from
    an earlier basis of the same layer, the basis rotates only as far as the layer has changed, and its
    vectors keep their order and signs: a critic of the old coordinates can continue in the new ones.

    Args:
        h: Samples, ``(n, dim)``, or one set of samples for each of K bases.
        start: Any k linearly independent vectors, or an earlier basis, ``(dim, k)``.

    References:
        Golub & Van Loan, Matrix Computations, section 8.2.4.
    """
    basis = start
    for _ in range(QR_ITERATIONS):
        # centring these few columns has the same effect as centring h, without a copy of h
        projected = h @ basis
        projected -= projected.mean(dim=-2, keepdim=True)
        basis, upper = torch.linalg.qr(h.mT @ projected)
        # the QR decomposition does not determine the signs
        flipped = upper.diagonal(dim1=-2, dim2=-1) < 0
        basis = torch.where(flipped.unsqueeze(-2), -basis, basis)
    return basis
