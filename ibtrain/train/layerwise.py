"""Greedy training: each block on its own information-bottleneck objective, then frozen."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import nn

from ibtrain.config import Method, ObjectiveConfig, OptimConfig
from ibtrain.config.settings import check_config, check_keywords
from ibtrain.errors import ConfigError, ModelError
from ibtrain.train.callbacks import CallbackLike
from ibtrain.train.objectives import BlockObjective, BlockSpec, Chain, Objective, make_objective
from ibtrain.train.trainer import Trainer

__all__ = ["LayerwiseTrainer"]


@check_keywords
class LayerwiseTrainer(Trainer):
    """Trains a network block by block, each on its own objective, then frozen.

    The objective is ``J = I(h; y) - beta * I(x; t)`` unless ``objective.name`` is another one. A block reads what
    the frozen blocks before it gave, evaluated once: no gradient crosses a block, and a frozen block is never run
    again. The output layer's own outputs are its class scores, so that no classification loss occurs anywhere,
    unless ``readout`` asks for one.

    Args:
        model: An ``nn.Sequential``, or a mapping from block names to modules; trained in place.
        objective: Settings of the objective: name, beta, noise, what the prediction term reads, readout, order.
        optim: How each block is optimised; what is None is the recipe's for the data set.
        seed: Seeds the critics, the data order and the noise.
        callbacks: Functions that are called with every :class:`~ibtrain.train.callbacks.Event`, or instances of
            :class:`~ibtrain.train.callbacks.Callback`.
        progress: Whether a progress bar is shown, if there is a terminal or a notebook.

    Raises:
        ModelError: If the model can't be cut into blocks, or if its output block has no weights.
        ConfigError: If a setting with a value for each block does not match their number, or if labels are to be
            smoothed and no block's objective can.

    References:
        Elad et al. (OpenReview r1Nb5i05tX).
    """

    method: ClassVar[Method] = "layerwise"
    freezes: ClassVar[bool] = True

    def __init__(
        self,
        model: nn.Module | Mapping[str, nn.Module],
        objective: ObjectiveConfig | None = None,
        optim: OptimConfig | None = None,
        *,
        seed: int = 0,
        callbacks: Sequence[CallbackLike] = (),
        progress: bool = True,
    ) -> None:
        super().__init__(model, optim, seed=seed, callbacks=callbacks, progress=progress)
        if objective is not None:
            check_config("objective", objective, ObjectiveConfig)
        self.objective = objective or ObjectiveConfig()
        for setting in ("beta", "noise_std"):
            self.objective.for_blocks(setting, len(self.blocks))
        if self.objective.readout == "critic" and len(self.blocks) < 2:
            raise ConfigError("critic", "dv or cross-entropy for a single block", "readout")
        check_label_smoothing(self.objective, self.optim)
        name, output = list(self.blocks.named_children())[-1]
        if self.objective.readout != "critic" and next(output.parameters(), None) is None:
            expected = "weights that can be trained: join it to the block before it"
            raise ModelError("an output block without weights", expected, f"block {name}")

    @property
    def settings(self) -> dict[str, ObjectiveConfig]:
        """The objective's."""
        return {"objective": self.objective}

    @property
    def smooths_labels(self) -> bool:
        """Whether some block can smooth labels."""
        return self.objective.smooths_labels

    @property
    def averages_scores(self) -> bool:
        """Whether the scores of all blocks predict together."""
        return self.objective.average_scores

    @property
    def stages(self) -> Mapping[str, Sequence[str]]:
        """The blocks one after another, or all at once; the output block only if it is trained."""
        names = [name for name, _ in self.blocks.named_children()]
        trained = names[:-1] if self.objective.readout == "critic" else names
        if self.objective.order == "sequential":
            return {name: [name] for name in trained}
        return {"network": trained}

    def objective_of(self, part: nn.Sequential, specs: Mapping[str, BlockSpec]) -> Objective:
        """A block's objective, or the chain of several blocks'."""
        objectives = {
            name: self._block_objective(part.get_submodule(name), spec)
            for name, spec in specs.items()
        }
        if len(objectives) == 1:
            return next(iter(objectives.values()))
        return Chain(
            objectives,
            is_joint=self.objective.order == "joint",
            averages_scores=self.averages_scores,
        )

    def _block_objective(self, block: nn.Module, spec: BlockSpec) -> BlockObjective:
        config = self.objective
        name = config.output_objective if spec.is_output else config.name
        return make_objective(name, block, spec, config, seed=self.seed)


def check_label_smoothing(objective: ObjectiveConfig, optim: OptimConfig | None) -> None:
    """Checks that some block has an objective whose labels can be smoothed, if they are to be.

    Args:
        objective: The objective of the blocks.
        optim: The optimiser settings.

    Raises:
        ConfigError: If no block has one.
    """
    share = (optim and optim.label_smoothing) or 0.0
    if share and not objective.smooths_labels:
        given = f"{share:g} with objective {objective.name} and readout {objective.readout}"
        expected = (
            "0, or ib, dv or cross-entropy as objective or readout "
            "(for backprop alone: label_smoothing in the table end_to_end of a --config file)"
        )
        raise ConfigError(given, expected, "label_smoothing")
