"""Terms on pairs of samples, which a hidden block adds to the term that predicts the label."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.backend.precision import at_least_float32, float32_products
from ibtrain.config import ObjectiveConfig
from ibtrain.mi.bounds.labels import same_class
from ibtrain.mi.neural.critics import SeparableCritic
from ibtrain.train.objectives.base import BlockSpec, Metrics
from ibtrain.train.objectives.critics import features_read, pooling

__all__ = [
    "SameClassTerm",
    "SimilarityTerm",
    "add_terms",
    "cosine_similarities",
    "one_hot",
    "pair_terms",
]

EMBEDDING = 64
"""Dimension in which two samples are compared."""
MIN_SQUARE = 1e-12
"""Added to a squared norm: at zero its root has no finite gradient."""


def pair_terms(spec: BlockSpec, config: ObjectiveConfig) -> nn.ModuleList:
    """The terms that have a weight; the output block, whose outputs are class scores, has none.

    Args:
        spec: The block's place, and the shape of h.
        config: ``same_class`` and ``similarity`` are the weights of the terms.

    Returns:
        Modules that map h and y to a loss and metrics.
    """
    kinds = {SameClassTerm: config.same_class, SimilarityTerm: config.similarity}
    weighted = {} if spec.is_output else {kind: w for kind, w in kinds.items() if w}
    return nn.ModuleList(kind(spec, weight) for kind, weight in weighted.items())


def add_terms(
    terms: Iterable[nn.Module], h: Tensor, y: Tensor, loss: Tensor, metrics: Metrics
) -> tuple[Tensor, Metrics]:
    """A loss and its metrics, with those of the terms.

    Args:
        terms: Modules of :func:`pair_terms`.
        h: Features, ``(batch, *shape)``.
        y: Class of each sample, ``(batch,)``.
        loss: A scalar.
        metrics: Metrics so far.
    """
    for term in terms:
        value, more = term(h, y)
        loss, metrics = loss + value, {**metrics, **more}
    return loss, metrics


class SameClassTerm(nn.Module):
    """Minus the contrastive bound on what two samples of a class share, times its weight.

    A separable critic scores all pairs of the batch by one matrix product.

    Args:
        spec: The block's place, and the shape of h.
        weight: Weight of the bound.

    References:
        :func:`~ibtrain.mi.bounds.labels.same_class`.
    """

    log_prior: Tensor

    def __init__(self, spec: BlockSpec, weight: float) -> None:
        super().__init__()
        self.weight = weight
        features = features_read(spec.shape)
        self.pooling = nn.Sequential(*pooling(spec.shape))
        self.critic = SeparableCritic(features, features, hidden=(), embedding=EMBEDDING)
        self.register_buffer("log_prior", spec.log_prior, persistent=False)

    def forward(
        self, h: Float[Tensor, "batch *shape"], y: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, ""], Metrics]:
        """The weighted loss, and the bound as ``mi_hh``."""
        features = self.pooling(h)
        bound = same_class(self.critic.matrix(features, features), y, self.log_prior)
        return -self.weight * bound, {"mi_hh": bound.detach()}


class SimilarityTerm(nn.Module):
    r"""Similarity matching, :math:`\frac{1}{n^2} \sum_{ij} (S_{ij}(g(h)) - S_{ij}(y))^2`, times its weight.

    S are the :func:`cosine_similarities` of the samples of the batch, and of their one-hot labels; g is a linear layer that
    reads h as a critic does. It is trained with the block and used by nothing else. Unlike the authors' loss, which centres
    each sample by its own mean, and compares deviations over the positions of feature maps, both similarities are centred
    over the batch, as in centred kernel alignment.

    Args:
        spec: The block's place, and the shape of h.
        weight: Weight of the loss.

    References:
        Noekland & Eidnes (arXiv 1901.06656), section 2.2; Kornblith et al. (arXiv 1905.00414), section 3, for the centring.
    """

    def __init__(self, spec: BlockSpec, weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.num_classes = spec.num_classes
        self.layer = nn.Sequential(
            *pooling(spec.shape), nn.Linear(features_read(spec.shape), EMBEDDING, bias=False)
        )

    def forward(
        self, h: Float[Tensor, "batch *shape"], y: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, ""], Metrics]:
        """The weighted loss, and the loss as ``similarity_loss``."""
        features = at_least_float32(self.layer(h))
        with float32_products(h.device):
            targets = cosine_similarities(one_hot(y, self.num_classes).to(features.dtype))
            loss = nn.functional.mse_loss(cosine_similarities(features), targets)
        return self.weight * loss, {"similarity_loss": loss.detach()}


def cosine_similarities(features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch batch"]:
    """Cosine of the angle between each two samples, after the mean of the batch is subtracted.

    Args:
        features: One row for each sample.
    """
    centred = features - features.mean(0)
    unit = centred / (centred.square().sum(1, keepdim=True) + MIN_SQUARE).sqrt()
    return unit @ unit.T


def one_hot(labels: Int[Tensor, " batch"], num_classes: int) -> Float[Tensor, "batch classes"]:
    """One-hot vectors of labels; unlike torch's, it does not read the labels on the host.

    Args:
        labels: Class of each sample.
        num_classes: Number of classes.
    """
    return (labels.unsqueeze(1) == torch.arange(num_classes, device=labels.device)).float()
