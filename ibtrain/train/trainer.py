"""Interface of all trainers: a network, the order in which its blocks train, and their objectives."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import nn

from ibtrain.config import Method, ObjectiveConfig, OptimConfig
from ibtrain.config.recipes import VALIDATION_SHARE
from ibtrain.config.settings import check_config, check_keywords
from ibtrain.data.convert import as_dataset
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError
from ibtrain.models.blocks import cut_into_blocks
from ibtrain.train.arguments import check_callbacks, check_seed
from ibtrain.train.callbacks import CallbackLike
from ibtrain.train.checkpointer import Checkpointer
from ibtrain.train.objectives.base import BlockSpec, Objective
from ibtrain.train.results import FitResult

__all__ = ["Trainer"]


@check_keywords
class Trainer(ABC):
    """What is trained of one network, in which stages, and by which objectives.

    Args:
        model: An ``nn.Sequential``, or a mapping from block names to modules; trained in place.
        optim: How each stage is optimised; what is None is the recipe's for the data set.
        seed: Seeds everything random in the training.
        callbacks: Functions that are called with every :class:`~ibtrain.train.callbacks.Event`, or instances of
            :class:`~ibtrain.train.callbacks.Callback`.
        progress: Whether a progress bar is shown, if there is a terminal or a notebook.

    Raises:
        ModelError: If the model can't be cut into blocks.
        ConfigError: If a callback can't be called.

    Attributes:
        method: Name of the method in results and events, of :data:`~ibtrain.config.METHODS`.
        freezes: Whether a trained block can't be trained any further.
        trained: Names of the parameters that :meth:`fit` has trained, and trains again, even if it froze them. What
            ``requires_grad_(False)`` froze before keeps its values.
    """

    method: ClassVar[Method]
    freezes: ClassVar[bool]

    def __init__(
        self,
        model: nn.Module | Mapping[str, nn.Module],
        optim: OptimConfig | None = None,
        *,
        seed: int = 0,
        callbacks: Sequence[CallbackLike] = (),
        progress: bool = True,
    ) -> None:
        self.blocks = cut_into_blocks(model)
        self.trained: set[str] = set()
        if optim is not None:
            check_config("optim", optim, OptimConfig)
        self.optim = optim
        self.seed = check_seed(seed)
        self.callbacks = check_callbacks(callbacks)
        self.progress = progress

    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        test: Any = None,
        checkpointer: Checkpointer | None = None,
    ) -> FitResult:
        """Trains the network, stage by stage.

        The model is trained in place, on standardised inputs: ``result.predict`` and ``result.to_module()`` take raw
        samples. Another call trains it further.

        Args:
            data: A :class:`~ibtrain.data.dataset.Dataset`, a torch ``Dataset`` or ``DataLoader``, or samples with labels
                ``y``, of any kind that :meth:`Dataset.from_arrays` takes; all but the first are standardised.
            y: Labels of the samples.
            test: The test split, of the same kind: a pair of samples and labels, or a torch ``Dataset`` or
                ``DataLoader``; None takes a fixed fifth of the samples.
            checkpointer: Saves the state of the training; the same call continues from it.

        Raises:
            DataError: If the samples or labels can't be trained on.
            ModelError: If the model does not fit the data, or if all its weights are frozen.
            ConfigError: If training is to stop early and there is no validation split.
            NonFiniteError: If a bound or a loss became NaN or infinite.
        """
        # it knows trainers
        from ibtrain.train.fit import fit_ensemble

        (result,) = fit_ensemble([self], self.dataset(data, y, test), checkpointer)
        return result

    def dataset(self, data: Any, y: Any = None, test: Any = None) -> Dataset:
        """Returns what :meth:`fit` is given as a data set, on the model's device; a given data set stays as it is.

        With early stopping, a tenth of the training samples becomes the validation split.
        """
        if isinstance(y, Checkpointer):
            raise ConfigError("a Checkpointer as y", "fit(data, checkpointer=...)", "fit")
        parameter = next(self.blocks.parameters())
        share = VALIDATION_SHARE if self.optim and self.optim.patience else 0.0
        return as_dataset(data, y, test, validation=share, device=parameter.device)

    @property
    def settings(self) -> dict[str, ObjectiveConfig]:
        """Settings besides the optimiser's, by the name of their table."""
        return {}

    @property
    def smooths_labels(self) -> bool:
        """Whether the objective can smooth labels."""
        return True

    @property
    def averages_scores(self) -> bool:
        """Whether the readouts of all stages predict together, and not that of the last stage alone."""
        return False

    @property
    @abstractmethod
    def stages(self) -> Mapping[str, Sequence[str]]:
        """Names of the blocks that train together, by the name of the stage.

        A stage reads the outputs of the stage before it: together the stages are the network's blocks from the first
        on, in order; the last blocks may be left out.
        """

    @abstractmethod
    def objective_of(self, part: nn.Sequential, specs: Mapping[str, BlockSpec]) -> Objective:
        """The objective of a stage, with its critics before training.

        Args:
            part: The blocks of the stage.
            specs: Place and output shape of each of these blocks, by its name, in order.
        """
