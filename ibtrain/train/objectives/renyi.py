"""The information bottleneck with matrix-based Renyi entropies."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ibtrain.train.objectives.kernel import KernelBottleneck, gaussian_gram, squared_distances

__all__ = ["RenyiBottleneck", "renyi_entropies"]

ALPHA = 1.01
"""Order of the entropies; near 1 they are near Shannon's, of the eigenvalues."""

RIDGE = 1e-6
"""Added to all eigenvalues: rounding makes those of singular matrices negative, by up to 1e-7."""


class RenyiBottleneck(KernelBottleneck):
    r"""The block maximises :math:`I_\alpha(h; y) - \beta\, I_\alpha(x; h)`, with :math:`\alpha = 1.01`.

    .. math:: I_\alpha(a; b) = S_\alpha(A) + S_\alpha(B) - S_\alpha(n A \circ B), \qquad
        S_\alpha(A) = \frac{1}{1 - \alpha} \log \mathrm{tr}(A^\alpha)

    A and B are Gram matrices of Gaussian kernels, divided by the number of samples n. The square of a kernel's width is
    half of the mean squared distance in the batch, and has a gradient: a block gains nothing by scaling its outputs. Labels have the
    kernel that is 1 within a class and 0 between classes, whose entropy is that of the labels of the batch.

    References:
        Sanchez Giraldo, Rao & Principe (arXiv 1211.2459), definitions 2 and 3; Yu, Yu & Principe (arXiv 2102.00533),
        as an information bottleneck.
    """

    name: ClassVar[str] = "renyi"

    def gram(self, features: Tensor) -> Tensor:
        """Gaussian kernels of a width that follows the distances."""
        distances = squared_distances(features)
        mean = distances.mean().clamp_min(torch.finfo(distances.dtype).tiny)
        return gaussian_gram(distances, (mean / 2).sqrt())

    def label_gram(self, one_hot: Tensor) -> Tensor:
        """Ones within a class, zeros between classes."""
        return one_hot @ one_hot.T

    def dependences(self, gram: Tensor, others: Sequence[Tensor]) -> Sequence[Tensor]:
        """Renyi information of h with each of others."""
        first, *rest = renyi_entropies([gram, *others, *(gram * other for other in others)])
        singles, pairs = rest[: len(others)], rest[len(others) :]
        return [first + single - pair for single, pair in zip(singles, pairs, strict=True)]


def renyi_entropies(
    grams: Sequence[Float[Tensor, "batch batch"]], alpha: float = ALPHA
) -> Float[Tensor, " matrices"]:
    """Matrix-based Renyi entropies in nats.

    The gradient needs no differences of eigenvalues, and is finite where several are equal.

    Args:
        grams: Gram matrices with ones on their diagonals.
        alpha: Order, above 0 and not 1.
    """
    count = len(grams[0])
    eigenvalues = torch.linalg.eigvalsh(torch.stack(tuple(grams)) / count) + RIDGE
    powers: Tensor = (eigenvalues / (1 + count * RIDGE)).pow(alpha)
    return powers.sum(-1).log() / (1 - alpha)
