"""The information bottleneck with SMILE."""

from typing import ClassVar

from torch import Tensor

from ibtrain.mi.bounds.labels import label_scores
from ibtrain.mi.bounds.registry import smile
from ibtrain.train.objectives.ib import InformationBottleneck

__all__ = ["SmileBottleneck"]


class SmileBottleneck(InformationBottleneck):
    """Predicts by the Jensen-Shannon bound, and reports its critic's SMILE value.

    SMILE is an estimate with a critic that maximises the Jensen-Shannon bound. Block and critic both follow the
    gradient of that bound: the gradient of SMILE itself would let the scores of the true pairs grow without limit
    as soon as they exceed the clipping threshold.

    References:
        SMILE (arXiv 1910.06222), eq. 12; Deep InfoMax (arXiv 1808.06670) for the gradient.
    """

    smooths_labels: ClassVar[bool] = False
    reads_means: ClassVar[bool] = True

    def prediction(self, scores: Tensor, y: Tensor) -> Tensor:
        """The value of SMILE in nats, with the gradient of the Jensen-Shannon bound."""
        arguments = label_scores(scores, y, self.readout.log_prior)
        trained = smile.selection(*arguments)
        return trained + (smile(*arguments) - trained).detach()
