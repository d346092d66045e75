"""The directions in which a layer varies most, followed as the layer changes."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["leading_components"]

ITERATIONS = 2


def leading_components(
    h: Float[Tensor, "*K n dim"], start: Float[Tensor, "*K dim k"]
) -> Float[Tensor, "*K dim k"]:
    r"""An orthonormal basis of (nearly) the subspace that holds most of the variance.

    Orthogonal iteration, :math:`B \leftarrow \mathrm{qr}(\Sigma B)`. Started from an earlier basis of
    the same layer it turns as little as the layer has, and its vectors keep their order and signs,
    so that what was learned in the old coordinates goes on in the new ones.

    Args:
        h: Samples, ``(n, dim)``, or one set for each of K bases.
        start: Any k independent vectors, or an earlier basis, ``(dim, k)``.

    References:
        Golub & Van Loan, Matrix Computations, section 8.2.4.
    """
    basis = start
    for _ in range(ITERATIONS):
        # centring these few columns centres h as well, without a copy of it
        along = h @ basis
        along -= along.mean(dim=-2, keepdim=True)
        basis, upper = torch.linalg.qr(h.mT @ along)
        # the factorisation leaves the signs open
        flipped = upper.diagonal(dim1=-2, dim2=-1) < 0
        basis = torch.where(flipped.unsqueeze(-2), -basis, basis)
    return basis
