"""The information-bottleneck objective of one block: the one home of beta's sign."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.gradients import scale_gradient
from ibtrain.mi.average import LogAverage
from ibtrain.mi.bound import log_mean_exp
from ibtrain.mi.critics import PairCritic
from ibtrain.mi.noise import GaussianNoise
from ibtrain.mi.training_bounds import dv_labels, ema_corrected
from ibtrain.stack import Stack, side_by_side

__all__ = ["BlockWithCritics", "IBObjective", "ObjectiveTerms"]


class BlockWithCritics(nn.Module):
    r"""A block, and the critics that read what it gives.

    The gradient that leaves the compression critic for the block is multiplied by :math:`-\beta` on its
    way, so that a loss that both critics descend has the block descend :math:`-J`.

    Args:
        block: Maps ``(batch, ...)`` to h, ``(batch, ...)``.
        label_critic: Maps h to class scores; the identity for an output layer, whose own outputs
            are the scores.
        pair_critic: Scores (h, t); None leaves the compression term out.
        noise: The channel from h to t.
        beta: Weight of the compression term.
        predict_noisy: Whether the label critic reads t instead of h.
    """

    def __init__(
        self,
        block: nn.Module,
        label_critic: nn.Module,
        pair_critic: PairCritic | None,
        noise: GaussianNoise,
        *,
        beta: float,
        predict_noisy: bool = False,
    ) -> None:
        super().__init__()
        self.block = block
        self.label_critic = label_critic
        self.pair_critic = pair_critic
        self.noise = noise
        self.beta = beta
        self.predict_noisy = predict_noisy

    @property
    def reads_noise(self) -> bool:
        """Whether anything reads t."""
        return self.predict_noisy or self.pair_critic is not None

    def forward(
        self,
        x: Float[Tensor, "batch *shape"],
        eps: Float[Tensor, "batch dim_h"] | None = None,
    ) -> tuple[Tensor, ...]:
        """Class scores ``(batch, classes)`` and, with a pair critic, its scores of true and other pairs.

        Args:
            x: What the block reads, in random order.
            eps: Standard normal noise, where anything reads t.
        """
        h = self.block(x).flatten(1)
        t = h if eps is None else self.noise(h, eps)
        scores = self.label_critic(t if self.predict_noisy else h)
        if self.pair_critic is None:
            return (scores,)
        pairs = scale_gradient(h, -self.beta), scale_gradient(t, -self.beta)
        return scores, *self.pair_critic(*pairs)


@dataclass(frozen=True)
class ObjectiveTerms:
    """What one evaluation of the objective gives, for each of S blocks.

    Args:
        loss: What an optimiser of blocks and critics together descends, a scalar.
        prediction: The prediction bound on each block's batch, in nats, ``(S,)``: on I(h; y), or on
            I(t; y) where it reads the noisy t.
        mi_xt: The compression bound likewise; None where beta is 0.
        scores: The label critics' class scores, ``(S, batch, classes)``.
    """

    loss: Tensor
    prediction: Tensor
    mi_xt: Tensor | None
    scores: Tensor


class IBObjective(nn.Module):
    r"""The loss whose one backward pass trains a block and its critics against each other.

    The block maximises

    .. math:: J = I(h; y) - \beta\, I(x; t), \qquad t = h + \sigma \epsilon

    while each critic maximises its own Donsker-Varadhan bound. Both bounds are ascended by one
    loss, ``-(prediction + mi_xt)``, in which :class:`BlockWithCritics` turns the compression
    critic's gradient round for the block. Since h is a function of x, :math:`I(x; t) = I(h; t)`, and the
    critic reads (h, t), never x. Several blocks of one shape, one for each seed, train as one.

    Only the compression bound's gradient is corrected by a running average. The prediction bound
    enumerates the labels, so that its denominator hardly varies between batches and has little to
    gain, while an average that lags behind a fast critic was seen to make it diverge.

    Args:
        members: Each seed's block and critics.
        dim_h: Dimension of a block's output.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``.
        ema_rate: Weight of the newest batch in the compression bound's running average; 1 is the
            plain DV gradient.

    References:
        Elad et al. (OpenReview r1Nb5i05tX), the layer-wise objective and AA-MINE;
        MINE (arXiv 1801.04062), eq. 12.
    """

    log_prior: Tensor

    def __init__(
        self,
        members: Sequence[BlockWithCritics],
        dim_h: int,
        log_prior: Float[Tensor, " classes"],
        *,
        ema_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.stack = Stack(members)
        self.dim_h = dim_h
        self.predict_noisy = members[0].predict_noisy
        self.reads_noise = members[0].reads_noise
        self.average = LogAverage(ema_rate, len(members))
        self.register_buffer("log_prior", log_prior.clone())

    def forward(
        self,
        x: Float[Tensor, "S batch *dims"],
        labels: Int[Tensor, "S batch"],
        generators: Sequence[torch.Generator],
    ) -> ObjectiveTerms:
        """Evaluates both terms on a batch for each block.

        Args:
            x: What the blocks read, in random order: its neighbours make a sample's other pairs.
            labels: Each sample's class.
            generators: Source of each block's noise, on the device of ``x``.
        """
        noise = [self._noise(x, generators)] if self.reads_noise else []
        scores, *pairs = self.stack(x, *noise)
        prediction = dv_labels(scores, labels, self.log_prior)
        mi_xt = self._compression(*pairs) if pairs else None
        bounds = prediction if mi_xt is None else prediction + mi_xt
        return ObjectiveTerms(
            loss=-bounds.sum(),
            prediction=prediction.detach(),
            mi_xt=None if mi_xt is None else mi_xt.detach(),
            scores=scores.detach(),
        )

    def _noise(self, x: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        shape = (x.shape[1], self.dim_h)
        return side_by_side([torch.randn(shape, generator=g, device=x.device) for g in generators])

    def _compression(self, scores_joint: Tensor, scores_marginal: Tensor) -> Tensor:
        log_partition = log_mean_exp(scores_marginal, first_dim=1)
        average = self.average.update(log_partition)
        return ema_corrected(scores_joint.mean(dim=1), log_partition, average)
