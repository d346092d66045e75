"""The running average of a network's weights, which is what is evaluated and kept."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ibtrain.checks import check_integer
from ibtrain.train.checkpointer import State

__all__ = ["AveragedWeights", "running_statistics"]


WINDOW = 10
"""The average is over about one in so many steps of a training, as long as that is less than the decay's."""


class AveragedWeights:
    r"""Exponential moving average of weights, of about the last tenth of the steps at most.

    .. math:: a_n = (1 - s_n)\, a_{n-1} + s_n w_n, \qquad s_n = \max\left(1 - d, \frac{10}{n + 9}\right)

    after step n: the weights themselves after the first one, and an average with decay d after many. With d alone the
    average over a short training would have weights of its beginning. The running means and variances of batch and
    instance normalisation are averaged in the same way; all other buffers stay those of the training.

    ``torch.optim.swa_utils.AveragedModel`` averages a copy of a module, and has no running state for one of several
    networks; here the average takes the place of the weights where they are.

    Args:
        module: The module whose weights are averaged; it may be on any device, and stays there.
        decay: Decay :math:`d` per step, in (0, 1).

    References:
        Polyak & Juditsky (1992), averaging of the iterates; ``tf.train.ExponentialMovingAverage``, whose ``num_updates`` limits the
        decay in the same way.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        weights: list[Tensor] = [p for p in module.parameters() if p.requires_grad]
        self.weights = weights + running_statistics(module)
        self.average = [weight.detach().clone() for weight in self.weights]

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the weights after a step."""
        self.steps += 1
        share = max(1 - self.decay, WINDOW / (self.steps + WINDOW - 1))
        torch._foreach_lerp_(self.average, self.weights, share)

    @torch.no_grad()
    def apply(self) -> None:
        """Replaces the weights by their average; before the first step both are equal."""
        torch._foreach_copy_(self.weights, self.average)

    @torch.no_grad()
    def keep(self) -> None:
        """Replaces the average by the weights."""
        torch._foreach_copy_(self.average, self.weights)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replaces the weights by their average within the block; the weights are put back afterwards."""
        trained = [weight.detach().clone() for weight in self.weights]
        self.apply()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.weights, trained)

    def state_dict(self) -> State:
        """The average, and the number of steps in it."""
        return {"steps": self.steps, "average": self.average}

    def load_state_dict(self, state: State) -> None:
        """Restores a state of :meth:`state_dict`."""
        check_integer("averaged steps", state["steps"], 0)
        shapes = [tensor.shape for tensor in state["average"]]
        if shapes != [tensor.shape for tensor in self.average]:
            raise ValueError("an average of other weights")
        self.steps = state["steps"]
        torch._foreach_copy_(self.average, state["average"])


def running_statistics(module: nn.Module) -> list[Tensor]:
    """The running means and variances of all normalisations."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    buffers = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    return [buffer for buffer in buffers if buffer is not None]
