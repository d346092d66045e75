"""Cross-entropy: of the network's output, or of a classifier that reads one block."""

from typing import ClassVar

from torch import Tensor, nn

from ibtrain.backend.precision import at_least_float32
from ibtrain.config import ObjectiveConfig
from ibtrain.train.callbacks import accuracy
from ibtrain.train.objectives.base import BlockObjective, BlockSpec, Metrics
from ibtrain.train.objectives.critics import class_scorer, means_read
from ibtrain.train.objectives.terms import add_terms, pair_terms

__all__ = ["CrossEntropy"]


class CrossEntropy(BlockObjective):
    r"""Cross-entropy of class scores, :math:`-\frac1n \sum_n \log \mathrm{softmax}(s(h_n))_{y_n}`, in nats.

    The outputs of an output block are the scores. A hidden block is read by a classifier of the same size
    as the critic of :class:`~ibtrain.train.objectives.ib.InformationBottleneck`.

    Args:
        block: Maps x to h.
        spec: The block's place, and the shape of h.
        config: ``critic_width`` is the width of the classifier's hidden layer; ``same_class`` and ``similarity`` are the
            weights of the terms on pairs of samples.

    References:
        Belilovsky et al. (arXiv 1812.11446), greedy layer-wise training with an auxiliary classifier.
    """

    smooths_labels: ClassVar[bool] = True
    reads_means: ClassVar[bool] = True

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        super().__init__(block, readout=class_scorer(spec, config))
        self.terms = pair_terms(spec, config)
        self.is_sample_mean = not self.terms
        if self.reads_means:
            self.means = means_read(spec.shape)

    def loss(self, x: Tensor, h: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, Metrics]:
        """The mean cross-entropy of a batch, plus the losses of the terms on pairs."""
        scores = at_least_float32(self.scores(h))
        loss = nn.functional.cross_entropy(scores, y, label_smoothing=self.label_smoothing)
        metrics = {
            "cross_entropy": loss.detach(),
            "train_accuracy": accuracy(scores.detach(), y),
        }
        return add_terms(self.terms, h, y, loss, metrics)
