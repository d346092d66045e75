"""The information-bottleneck objective of one block; the sign of beta occurs only here."""

from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.backend.gradients import scale_gradient
from ibtrain.config import ObjectiveConfig
from ibtrain.mi.bounds.base import log_mean_exp
from ibtrain.mi.bounds.training import dv_labels, ema_corrected, smoothed_log_prior
from ibtrain.mi.channel.noise import GaussianNoise
from ibtrain.mi.neural.average import LogAverage
from ibtrain.train.callbacks import accuracy
from ibtrain.train.objectives.base import BlockObjective, BlockSpec, Metrics
from ibtrain.train.objectives.critics import class_scorer, means_read, pair_critic
from ibtrain.train.objectives.terms import add_terms, pair_terms

__all__ = ["InformationBottleneck", "Readout"]


class Readout(nn.Module):
    """Scores whose argmax is the prediction: a critic's class scores plus the log prior.

    Args:
        scores: The critic.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``.
    """

    log_prior: Tensor

    def __init__(self, scores: nn.Module, log_prior: Float[Tensor, " classes"]) -> None:
        super().__init__()
        self.scores = scores
        self.register_buffer("log_prior", log_prior)

    # torch.jit.script can't read annotations of shapes
    def posterior(self, scores: Tensor) -> Tensor:
        """Class scores ``(batch, classes)`` from the critic's: logarithms of the posterior up to a constant."""
        return scores + self.log_prior

    def forward(self, h: Tensor) -> Tensor:
        """Class scores ``(batch, classes)`` of h ``(batch, ...)``."""
        scores: Tensor = self.scores(h)
        return self.posterior(scores)


class InformationBottleneck(BlockObjective):
    r"""The loss whose one backward pass trains a block and its critics against each other.

    The block maximises

    .. math:: J = I(h; y) - \beta\, I(x; t), \qquad t = h + \sigma \epsilon

    while each critic maximises its own Donsker-Varadhan bound. One loss, minus the sum of both bounds, does both: the
    gradient from the compression critic to the block is multiplied by :math:`-\beta` (gradient reversal). Since h is a function of x, :math:`I(x; t) = I(h; t)`, and the critic reads (h, t),
    never x. The first term is I(t; y) if ``predict_from`` says so. With smoothed labels it is the information about a label that
    is sometimes replaced by another class (:func:`~ibtrain.mi.bounds.training.dv_labels`). The outputs of an output block are themselves the
    class scores.

    Only the gradient of the compression bound is corrected by a running average. The prediction bound enumerates the
    labels, so that its denominator hardly varies between batches and the correction gains little; an average that
    lags behind a fast critic made it diverge.

    A subclass may replace :meth:`prediction`, the bound of the first term, and :meth:`compression_weight`. Its ``smooths_labels`` is
    False if its bound does not.

    Args:
        block: Maps x to h.
        spec: The block's place, and the shape of h.
        config: Settings: beta, noise, input of the prediction term, widths of the critics, weights of the terms on
            pairs of samples.

    References:
        Elad et al. (OpenReview r1Nb5i05tX), the layer-wise objective and AA-MINE;
        MINE (arXiv 1801.04062), eq. 12.
    """

    prediction_trains_block: ClassVar[bool] = True
    """Whether the prediction term trains the block; otherwise only the critic, which reads the block."""
    smooths_labels: ClassVar[bool] = True
    reads_means: ClassVar[bool] = True
    readout: Readout

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        beta = config.for_blocks("beta", spec.count)[spec.index]
        predict_noisy = config.predicts_from_noisy(spec.index, spec.count)
        reads_noise = predict_noisy or beta > 0
        super().__init__(
            block,
            self.make_readout(class_scorer(spec, config), spec.log_prior),
            [spec.shape] if reads_noise else [],
        )
        self.beta = beta
        self.predict_noisy = predict_noisy
        self.pair_critic = pair_critic(spec.shape, config.pair_critic_width) if beta else None
        noise_std = config.for_blocks("noise_std", spec.count)[spec.index]
        self.noise = GaussianNoise(noise_std, relative=config.noise_scale == "relative")
        self.average = LogAverage(config.ema_rate)
        self.terms = pair_terms(spec, config)
        if self.reads_means:
            reads_all = self.pair_critic is not None or self.noise.relative
            self.means = nn.Identity() if reads_all else means_read(spec.shape)

    def smooth_labels(self, share: float) -> None:
        """Spreads a share of each label over all classes, if the bound can; to be called once."""
        super().smooth_labels(share)
        if self.label_smoothing:
            # not in place: all blocks have the same tensor
            self.readout.log_prior = smoothed_log_prior(self.readout.log_prior, share)

    def make_readout(self, scores: nn.Module, log_prior: Float[Tensor, " classes"]) -> Readout:
        """Creates the readout, which turns the critic's scores into a prediction.

        Args:
            scores: The critic.
            log_prior: Logarithm of the classes' probabilities.
        """
        return Readout(scores, log_prior)

    def prediction(
        self, scores: Float[Tensor, "batch classes"], y: Int[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """The bound on the information about the label, in nats.

        Args:
            scores: The critic's score of every sample with every class.
            y: Class of each sample.
        """
        return dv_labels(scores, y, self.readout.log_prior, self.label_smoothing)

    def compression_weight(self) -> float | Tensor:
        """Factor of the gradient of I(x; t) in the block's loss."""
        return self.beta

    def loss(self, x: Tensor, h: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, Metrics]:
        """Minus the sum of all bounds on a batch, in nats, plus the losses of the terms on pairs."""
        t = self.noise(h, noise[0]) if noise else h
        features = t if self.predict_noisy else h
        trains_block = self.prediction_trains_block
        scores: Tensor = self.readout.scores(features if trains_block else features.detach())
        bound = self.prediction(scores, y)
        metrics = {
            "mi_ty" if self.predict_noisy else "mi_hy": bound.detach(),
            "train_accuracy": accuracy(self.readout.posterior(scores.detach()), y),
        }
        if self.pair_critic is not None:
            mi_xt = self._compression(h, t)
            bound = bound + mi_xt
            metrics["mi_xt"] = mi_xt.detach()
        return add_terms(self.terms, features, y, -bound, metrics)

    def _compression(self, h: Tensor, t: Tensor) -> Tensor:
        """The bound on I(x; t), which the critic ascends and the block descends with its weight."""
        assert self.pair_critic is not None
        weight = self.compression_weight()
        pairs = scale_gradient(h, -weight), scale_gradient(t, -weight)
        scores_joint, scores_marginal = self.pair_critic(*pairs)
        log_partition = log_mean_exp(scores_marginal)
        average = self.average.update(log_partition)
        return ema_corrected(scores_joint.mean(), log_partition, average)
