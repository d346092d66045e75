"""MINE critics of a layer: of its label, and of its input."""

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
COMPONENTS = 32
"""Leading components of a layer that a critic of (h, t) reads. With 32 of MNIST's 500 units a pair critic found
7 to 8 of 8.3 nats where one that read all of them found 5, in a third of the time."""
HELD_OUT_GROUP_SIZE = 512
"""Held-out samples of which every h meets every t."""


class LabelMine(TrackedCritics):
    r"""Held-out Donsker-Varadhan values of :math:`I(t; y)` (or of :math:`I(h; y)` with no noise).

    A critic scores every class at once and the label's marginal is exact: see
    :func:`~ibtrain.mi.bounds.training.dv_labels`.

    Args:
        dim: Dimension of the layer.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        noise_stds: Standard deviation of the noise, for each member; 0 reads h itself.
        seed: Of everything random.
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
        """Every sample meets every label of the evaluated samples, by enumeration."""
        scores: Tensor = self.critics.members[member](t)
        return [LabelPool(scores.cpu().double(), labels.cpu())]


class InputMine(TrackedCritics):
    r"""Held-out Donsker-Varadhan values of :math:`I(x; t) = I(h; t)` (AA-MINE).

    h is a function of x and t depends on x through h alone, so that a critic sees (h, t). What it
    reads of a wide layer are its :data:`COMPONENTS` leading principal components, B'h and B't: noise
    that is the same in every direction stays so, a function of t tells no more of x than t does,
    and what the others tell is buried in noise that a critic of all units has to learn to ignore.

    Args:
        dim: Dimension of the layer.
        noise_stds: Standard deviation of the noise, for each member; above 0.
        seed: Of everything random.
        device: Where the critics live.
        critic: Makes a critic of two vectors of so many coordinates each, which gives a batch's
            ``scores_joint`` and ``scores_marginal``, and the ``matrix`` of all pairs.

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
            read = min(dim, COMPONENTS)
            critics = [critic(read) for _ in noise_stds]
            basis = torch.randn(len(critics), dim, read)
        super().__init__(critics, read, noise_stds, derive_seed(seed, "pair"))
        self.average = LogAverage(EMA_RATE, len(critics))
        self.register_buffer("basis", basis)
        self.to(device)

    def _coordinates(self, h: Float[Tensor, "S n dim"], *, are_new: bool) -> Tensor:
        """The leading components, found again on new samples."""
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
        """Every h of a group meets every t of it; its own is one in as many as there are samples."""
        critic = self.critics.members[member]
        parts = math.ceil(len(h) / HELD_OUT_GROUP_SIZE)
        pairs = zip(h.tensor_split(parts), t.tensor_split(parts), strict=True)
        matrices = (critic.matrix(*pair).cpu().double() for pair in pairs)  # type: ignore[operator]
        return [ScoreBlock(matrix, population=len(h)) for matrix in matrices]
