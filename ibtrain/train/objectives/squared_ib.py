"""The information bottleneck with a squared compression term."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ibtrain.config import ObjectiveConfig
from ibtrain.train.objectives.base import BlockSpec
from ibtrain.train.objectives.ib import InformationBottleneck

__all__ = ["SquaredInformationBottleneck"]


class SquaredInformationBottleneck(InformationBottleneck):
    r"""The block maximises :math:`J = I(h; y) - \beta\, I(x; t)^2`.

    Where the label is a function of the input, the bottleneck with the plain term has only two kinds of optimum for all
    :math:`\beta`, whereas each :math:`\beta` of the squared term has its own. The weight of the reversed gradient is
    :math:`2 \beta I`, where I is a running average of the bound (0 before the first step).

    References:
        Kolchinsky, Tracey & Van Kuyk (arXiv 1808.07593), section 3.
    """

    reads_means: ClassVar[bool] = True
    information: Tensor

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        super().__init__(block, spec, config)
        self.rate = config.ema_rate
        self.register_buffer("information", torch.zeros(()))

    def compression_weight(self) -> Tensor:
        """Derivative of the squared term by I(x; t)."""
        return 2 * self.beta * self.information.clamp_min(0)

    def _compression(self, h: Tensor, t: Tensor) -> Tensor:
        mi_xt = super()._compression(h, t)
        newest = torch.where(mi_xt.isfinite(), mi_xt, self.information).detach()
        self.information.copy_(self.information.lerp(newest, self.rate))
        return mi_xt
