"""The information-bottleneck objective of one block: the one home of beta's sign."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.mi.average import LogAverage
from ibtrain.mi.bounds import dv_labels, ema_corrected, log_mean_exp
from ibtrain.mi.critics import PairCritic, derangement
from ibtrain.mi.noise import GaussianNoise

__all__ = ["IBObjective", "ObjectiveTerms", "scale_gradient"]


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.scale, None


def scale_gradient(tensor: Float[Tensor, "*shape"], scale: float) -> Float[Tensor, "*shape"]:
    """The tensor itself, whose gradient is multiplied by ``scale`` on its way back."""
    apply: Callable[[Tensor, float], Tensor] = _ScaleGradient.apply
    return apply(tensor, scale)


@dataclass(frozen=True)
class ObjectiveTerms:
    """What one evaluation of the objective gives.

    Args:
        loss: What an optimiser of block and critics together descends.
        prediction: The prediction bound on this batch, in nats: on I(h; y), or on I(t; y) where it
            reads the noisy t.
        mi_xt: The compression bound on this batch, in nats; None where beta is 0.
        scores: The label critic's class scores, ``(batch, classes)``.
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
    loss, ``-(prediction + mi_xt)``; the gradient that leaves the compression critic for the block is
    multiplied by :math:`-\beta` on its way, so that the block descends :math:`-J`. Since h is a
    function of x, :math:`I(x; t) = I(h; t)`, and the critic reads (h, t), never x.

    Only the compression bound's gradient is corrected by a running average. The prediction bound
    enumerates the labels, so that its denominator hardly varies between batches and has little to
    gain, while an average that lags behind a fast critic was seen to make it diverge.

    Args:
        label_critic: Maps h to class scores; the identity for an output layer, whose own outputs
            are the scores.
        pair_critic: Scores (h, t); None leaves the compression term out.
        noise: The channel from h to t.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``.
        beta: Weight of the compression term.
        predict_noisy: Whether the label critic reads t instead of h.
        ema_rate: Weight of the newest batch in the compression bound's running average; 1 is the
            plain DV gradient.

    References:
        Elad et al. (OpenReview r1Nb5i05tX), the layer-wise objective and AA-MINE;
        MINE (arXiv 1801.04062), eq. 12.
    """

    log_prior: Tensor

    def __init__(
        self,
        label_critic: nn.Module,
        pair_critic: PairCritic | None,
        noise: GaussianNoise,
        log_prior: Float[Tensor, " classes"],
        *,
        beta: float,
        predict_noisy: bool = False,
        ema_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.label_critic = label_critic
        self.pair_critic = pair_critic
        self.noise = noise
        self.beta = beta
        self.predict_noisy = predict_noisy
        self.average = LogAverage(ema_rate)
        self.register_buffer("log_prior", log_prior.clone())

    def forward(
        self,
        h: Float[Tensor, "batch *dims"],
        labels: Int[Tensor, " batch"],
        generator: torch.Generator,
    ) -> ObjectiveTerms:
        """Evaluates both terms on one batch.

        Args:
            h: The block's output, ``(batch, ...)``.
            labels: Each sample's class, ``(batch,)``.
            generator: Source of the noise and the derangement, on the device of ``h``.
        """
        h = h.flatten(1)
        t = self.noise(h, generator) if self.predict_noisy or self.pair_critic else h
        scores = self.label_critic(t if self.predict_noisy else h)
        prediction = dv_labels(scores, labels, self.log_prior)
        if self.pair_critic is None:
            return ObjectiveTerms(-prediction, prediction.detach(), None, scores.detach())
        mi_xt = self._compression(self.pair_critic, h, t, generator)
        loss = -(prediction + mi_xt)
        return ObjectiveTerms(loss, prediction.detach(), mi_xt.detach(), scores.detach())

    def _compression(
        self, critic: PairCritic, h: Tensor, t: Tensor, generator: torch.Generator
    ) -> Tensor:
        permutation = derangement(len(h), generator, h.device)
        scores_joint, scores_marginal = critic(
            scale_gradient(h, -self.beta), scale_gradient(t, -self.beta), permutation
        )
        log_partition = log_mean_exp(scores_marginal)
        average = self.average.update(log_partition)
        return ema_corrected(scores_joint.mean(), log_partition, average)
