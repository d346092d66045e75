"""MINE critics of a layer's information about the label and about the input."""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.backend.seeding import derive_seed, seeded
from ibtrain.mi.bounds.base import log_mean_exp
from ibtrain.mi.bounds.grouped import ScoreBlock
from ibtrain.mi.bounds.pooled import LabelPool, Scores
from ibtrain.mi.bounds.registry import EMA_RATE
from ibtrain.mi.bounds.training import dv_labels, ema_corrected
from ibtrain.mi.neural.average import LogAverage
from ibtrain.mi.neural.components import leading_components
from ibtrain.mi.neural.critics import ClassCritic, DistanceCritic
from ibtrain.mi.neural.tracked import STATISTICS_STRIDE, TrackedCritics

__all__ = ["InputMine", "LabelMine"]

LABEL_HIDDEN = (128,)
"""Widths of the hidden layers of a label critic."""
MAX_COMPONENTS = 32
"""Largest number of leading principal components of a layer that a critic of (h, t) reads. On a layer of 500 units
(MNIST), a pair critic of 32 components found 7 to 8 of 8.3 nats; one of all units found 5, and took three times as
long."""
HELD_OUT_GROUP_SIZE = 512
"""Largest group of held-out samples in which every h is scored with every t."""


class LabelMine(TrackedCritics):
    r"""Held-out Donsker-Varadhan values of :math:`I(t; y)` (or of :math:`I(h; y)` without noise).

    A critic scores all classes at once, and the marginal of the label is exact: see
    :func:`~ibtrain.mi.bounds.training.dv_labels`.

    Args:
        dim: Dimension of the layer.
        log_prior: Logarithms of the class probabilities, ``(classes,)``, on the device of the critics.
        noise_stds: Standard deviation of the noise for each member; 0 means no noise (t = h).
        seed: Seeds the critics, batches and noise.
    """

    log_prior: Tensor
    reads_labels = True
    learning_rate = 5e-3

    def __init__(
        self,
        dim: int,
        log_prior: Float[Tensor, " classes"],
        noise_stds: Sequence[float],
        seed: int,
    ) -> None:
        with seeded(seed, "label critic"):
            critics = [ClassCritic(dim, len(log_prior), LABEL_HIDDEN) for _ in noise_stds]
        super().__init__(critics, dim, noise_stds, derive_seed(seed, "label"))
        self.register_buffer("log_prior", log_prior)
        self.to(log_prior.device)

    def _bounds(self, h: Tensor, t: Tensor, labels: Tensor) -> Float[Tensor, " K"]:
        scores: Tensor = self.critics(t)
        return dv_labels(scores, labels.expand(len(scores), -1), self.log_prior)

    def _groups(self, member: int, h: Tensor, t: Tensor, labels: Tensor) -> list[Scores]:
        """Scores of every sample with every class, from which the marginal of the evaluated labels is exact."""
        scores: Tensor = self.critics.members[member](t)
        return [LabelPool(scores.cpu().double(), labels.cpu())]


class InputMine(TrackedCritics):
    r"""Held-out Donsker-Varadhan values of :math:`I(x; t) = I(h; t)` (AA-MINE).

    h is a function of x, and t depends on x only through h, so that a critic reads (h, t). Of a wide layer it
    reads the :data:`MAX_COMPONENTS` leading principal components, B'h and B't. Isotropic noise stays isotropic
    in them, and a function of t has no more information about x than t. The information in the other directions
    is mostly lost in noise, which a critic of all units would have to learn to ignore.

    Args:
        dim: Dimension of the layer.
        noise_stds: Standard deviation of the noise for each member; above 0.
        seed: Seeds the critics, batches and noise.
        device: Device of the critics.
        critic: Builds a critic of two vectors from their dimension. The critic returns ``scores_joint`` and
            ``scores_marginal`` of a batch, and its ``matrix`` scores all pairs.

    References:
        Elad et al. (OpenReview r1Nb5i05tX), AA-MINE.
    """

    basis: Tensor
    reads_labels = False
    learning_rate = 3e-3

    def __init__(
        self,
        dim: int,
        noise_stds: Sequence[float],
        seed: int,
        device: torch.device,
        critic: Callable[[int], nn.Module] = DistanceCritic,
    ) -> None:
        with seeded(seed, "pair critic"):
            read = min(dim, MAX_COMPONENTS)
            critics = [critic(read) for _ in noise_stds]
            basis = torch.randn(len(critics), dim, read)
        super().__init__(critics, read, noise_stds, derive_seed(seed, "pair"))
        self.average = LogAverage(EMA_RATE, len(critics))
        self.register_buffer("basis", basis)
        self.to(device)

    def _coordinates(self, h: Float[Tensor, "S n dim"], *, are_new: bool) -> Tensor:
        """The leading components, which are updated on new samples."""
        _, dim, read = self.basis.shape
        if read == dim:
            return h
        if are_new:
            self.basis = leading_components(h[:, ::STATISTICS_STRIDE], self.basis)
        return h @ self.basis

    def _bounds(self, h: Tensor, t: Tensor, labels: Tensor) -> Float[Tensor, " K"]:
        joint, marginal = self.critics(h, t)
        log_partition = log_mean_exp(marginal, first_dim=1)
        return ema_corrected(joint.mean(dim=1), log_partition, self.average.update(log_partition))

    def _groups(self, member: int, h: Tensor, t: Tensor, labels: Tensor) -> list[Scores]:
        """Scores of every h with every t of its group; a true pair has the weight that it has among all samples."""
        critic = self.critics.members[member]
        group_count = math.ceil(len(h) / HELD_OUT_GROUP_SIZE)
        pairs = zip(h.tensor_split(group_count), t.tensor_split(group_count), strict=True)
        matrices = (critic.matrix(*pair).cpu().double() for pair in pairs)  # type: ignore[operator]
        return [ScoreBlock(matrix, population=len(h)) for matrix in matrices]
