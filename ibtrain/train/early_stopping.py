"""Early stopping on the accuracy of a validation split."""

import copy

from torch import Tensor, nn

from ibtrain.checks import check_integer, check_number
from ibtrain.train.checkpointer import State

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Keeps the weights of the best epoch, and tells when no better one has come for long.

    Args:
        module: The module whose weights are kept.
        patience: Number of epochs to wait for a better one.
    """

    def __init__(self, module: nn.Module, patience: int) -> None:
        self.module = module
        self.patience = patience
        self.best: float | None = None
        self.waited = 0
        self.weights: dict[str, Tensor] = {}

    @property
    def should_stop(self) -> bool:
        """Whether the last ``patience`` epochs were no better than the best."""
        return self.waited >= self.patience

    def update(self, accuracy: float) -> None:
        """Takes in an epoch's validation accuracy."""
        if self.best is None or accuracy > self.best:
            self.best, self.waited = accuracy, 0
            self.weights = copy.deepcopy(self.module.state_dict())
        else:
            self.waited += 1

    def restore(self) -> None:
        """Puts the best epoch's weights back, if an epoch has been evaluated."""
        if self.weights:
            self.module.load_state_dict(self.weights)

    def state_dict(self) -> State:
        """The best epoch so far, and the number of epochs since."""
        return {"best": self.best, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state: State) -> None:
        """Restores a state of :meth:`state_dict`."""
        best, waited, weights = state["best"], state["waited"], state["weights"]
        if best is not None:
            check_number("best accuracy", best, 0)
            # a trial: the weights in training are put back
            current = copy.deepcopy(self.module.state_dict())
            self.module.load_state_dict(weights)
            self.module.load_state_dict(current)
        check_integer("epochs waited", waited, 0)
        self.best, self.waited, self.weights = best, waited, weights
