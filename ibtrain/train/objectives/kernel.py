"""The information bottleneck with a kernel measure of dependence in place of mutual information."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.backend.precision import at_least_float32, float32_products
from ibtrain.config import ObjectiveConfig
from ibtrain.train.objectives.base import BlockSpec, Metrics
from ibtrain.train.objectives.dv import PredictionTerm
from ibtrain.train.objectives.terms import one_hot

__all__ = ["KernelBottleneck", "gaussian_gram", "squared_distances"]


class KernelBottleneck(PredictionTerm):
    r"""The block maximises :math:`D(h, y) - \beta D(x, h)` for a measure of dependence D.

    D is computed from the Gram matrices of a batch, without a critic. The class critic only reads the block. x is the
    block's own input.

    Args:
        block: Maps x to h.
        spec: The block's place, and the shape of h.
        config: ``beta`` is the weight of the second term; otherwise as of
            :class:`~ibtrain.train.objectives.dv.PredictionTerm`.
    """

    prediction_trains_block: ClassVar[bool] = False
    name: ClassVar[str]
    """Name of D in the metrics."""

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        super().__init__(block, spec, config)
        self.input_weight = config.for_blocks("beta", spec.count)[spec.index]
        self.num_classes = spec.num_classes

    @abstractmethod
    def gram(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch batch"]:
        """Gram matrix of the samples of a batch, with ones on its diagonal.

        Args:
            features: One row for each sample.
        """

    def label_gram(self, one_hot: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch batch"]:
        """Gram matrix of the labels; by default that of the one-hot labels as features.

        Args:
            one_hot: One row for each sample.
        """
        return self.gram(one_hot)

    @abstractmethod
    def dependences(
        self, gram: Float[Tensor, "batch batch"], others: Sequence[Float[Tensor, "batch batch"]]
    ) -> Sequence[Float[Tensor, ""]]:
        """D of one variable with each of others.

        Args:
            gram: Gram matrix of the variable.
            others: Gram matrices of the other variables.
        """

    def loss(self, x: Tensor, h: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, Metrics]:
        """The loss of the class critic, minus the block's objective."""
        loss, metrics = super().loss(x, h, y, *noise)
        with float32_products(h.device):
            others = [self.label_gram(one_hot(y, self.num_classes))]
            if self.input_weight:
                others.append(self.gram(at_least_float32(x.detach().flatten(1))))
            values = self.dependences(self.gram(at_least_float32(h.flatten(1))), others)
        names = (f"{self.name}_hy", f"{self.name}_xh")
        metrics |= {key: d.detach() for key, d in zip(names, values, strict=False)}
        weights = (1, -self.input_weight)
        objective = sum(w * d for w, d in zip(weights, values, strict=False))
        return loss - objective, metrics


def squared_distances(features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch batch"]:
    """Squared Euclidean distance of each two samples; exactly 0 on the diagonal.

    Args:
        features: One row for each sample.
    """
    # distances do not depend on the mean, but their rounding errors do
    centred = features - features.mean(0)
    products = centred @ centred.T
    squares = products.diagonal()
    distances = (squares.unsqueeze(1) + squares - 2 * products).clamp_min(0)
    return distances * (1 - torch.eye(len(features), device=features.device, dtype=features.dtype))


def gaussian_gram(
    distances: Float[Tensor, "batch batch"], width: float | Float[Tensor, ""]
) -> Float[Tensor, "batch batch"]:
    r"""Gram matrix of the Gaussian kernel, :math:`\exp(-d^2 / 2 w^2)`.

    Args:
        distances: Squared distances.
        width: Standard deviation w of the kernel, in the units of the samples.
    """
    return torch.exp(-distances / (2 * width**2))
