"""Greedy training: each block on its own information-bottleneck objective, then frozen."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ConfigError
from ibtrain.mi.critics import ClassCritic, PairCritic
from ibtrain.mi.noise import GaussianNoise
from ibtrain.models.blocks import check_output, cut_into_blocks
from ibtrain.recipes import recipe
from ibtrain.seeding import generator, seeded
from ibtrain.train.events import Listener, Snapshot, accuracy, apply_in_chunks
from ibtrain.train.loop import EpochLoop, Loss, cross_entropy_loss
from ibtrain.train.objective import IBObjective
from ibtrain.train.stage import FitResult, Stage, evaluate

__all__ = ["LayerwiseTrainer"]


class LayerwiseTrainer:
    """Trains a network block by block, each on ``J = I(h; y) - beta * I(x; t)``, then frozen.

    A block reads what the frozen blocks before it gave, evaluated once: no gradient crosses a
    block, and the frozen prefix is never run again. The output layer's own outputs are its class
    scores, so that no classification loss occurs anywhere, unless ``readout`` asks for one.

    Args:
        model: An ``nn.Sequential``, or a mapping from block names to modules; trained in place.
        objective: beta, noise, what the prediction term reads, the readout.
        optim: How each block is optimised; None is the recipe of the data set.
        seed: Of the critics, the data order and the noise.
        listeners: Called with every :class:`~ibtrain.train.events.Event`.

    Raises:
        ModelError: The model can't be cut into blocks.
        ConfigError: A setting for each block does not match their number.

    References:
        Elad et al. (OpenReview r1Nb5i05tX).
    """

    def __init__(
        self,
        model: nn.Module | Mapping[str, nn.Module],
        objective: ObjectiveConfig | None = None,
        optim: OptimConfig | None = None,
        *,
        seed: int = 0,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.blocks = cut_into_blocks(model)
        self.objective = objective or ObjectiveConfig()
        self.optim = optim
        self.seed = seed
        self.listeners = listeners
        self.betas = self.objective.for_blocks("beta", len(self.blocks))
        self.noise_stds = self.objective.for_blocks("noise_std", len(self.blocks))
        if self.objective.readout == "critic" and len(self.blocks) < 2:
            raise ConfigError("critic", "dv or cross-entropy for a single block", "readout")

    def fit(self, data: Dataset) -> FitResult:
        """Trains every block in turn.

        Raises:
            ModelError: The model does not fit the data.
            NonFiniteError: A bound became NaN or infinite.
        """
        check_output(self.blocks, data.train.x, data.num_classes)
        names = [name for name, _ in self.blocks.named_children()]
        if self.objective.readout == "critic":
            names.pop()
        trained: OrderedDict[str, nn.Module] = OrderedDict()
        result = FitResult("layerwise", self.seed, nn.Sequential(), nn.Identity())
        inputs = data.inputs
        for index, name in enumerate(names):
            stage = self._stage(index, names, inputs, data)
            result.history += stage.run()
            trained[name] = self.blocks.get_submodule(name).eval().requires_grad_(False)
            start = time.perf_counter()
            inputs = {split: apply_in_chunks(trained[name], x) for split, x in inputs.items()}
            result.seconds += stage.loop.seconds + time.perf_counter() - start
        result.accuracies = evaluate(stage.snapshot, data)
        result.readout = stage.snapshot.readout
        result.network = nn.Sequential(trained)
        return result

    def _stage(
        self, index: int, names: Sequence[str], inputs: Mapping[str, Tensor], data: Dataset
    ) -> Stage:
        name = names[index]
        optim = self.optim or recipe("layerwise", data.name)
        block = self.blocks.get_submodule(name).requires_grad_(True)
        is_output = index == len(self.blocks) - 1
        log_prior = data.log_prior
        if is_output and self.objective.readout == "cross-entropy":
            critics: nn.Module = nn.Module()
            loss = cross_entropy_loss(block)
            readout = Readout(nn.Identity(), torch.zeros_like(log_prior))
        else:
            with torch.no_grad():
                dim_h = block(inputs["train"][:2]).flatten(1).shape[1]
            critics = self._objective(index, dim_h, data, is_output)
            noise = generator(log_prior.device, self.seed, "noise", index)
            loss = _bound_loss(block, critics, noise)
            readout = Readout(critics.label_critic, log_prior)
        trainable = nn.ModuleDict({"block": block, "critics": critics})
        return Stage(
            method="layerwise",
            seed=self.seed,
            name=name,
            index=index,
            stages=len(names),
            data=data,
            loop=EpochLoop(trainable, loss, inputs["train"], data.train.y, optim, self.seed),
            snapshot=Snapshot(nn.Sequential(OrderedDict({name: block})), readout, inputs),
            listeners=self.listeners,
        )

    def _objective(self, index: int, dim_h: int, data: Dataset, is_output: bool) -> IBObjective:
        config = self.objective
        beta = self.betas[index]
        # the layer that will read the last hidden block is linear, and so is that block's critic
        hidden = [config.critic_width] if index < len(self.blocks) - 2 else []
        with seeded(self.seed, "critics", index):
            label_critic = (
                nn.Identity() if is_output else ClassCritic(dim_h, data.num_classes, hidden)
            )
            pair_critic = (
                PairCritic(dim_h, dim_h, [config.pair_critic_width], same_space=True)
                if beta
                else None
            )
        return IBObjective(
            label_critic,
            pair_critic,
            GaussianNoise(self.noise_stds[index], relative=config.noise_scale == "relative"),
            data.log_prior.cpu(),
            beta=beta,
            predict_noisy=config.predicts_from_noisy(index, len(self.blocks)),
            ema_rate=config.ema_rate,
        ).to(data.train.x.device)


class Readout(nn.Module):
    """Scores whose argmax is the prediction: a critic's class scores plus the log prior."""

    log_prior: Tensor

    def __init__(self, scores: nn.Module, log_prior: Tensor) -> None:
        super().__init__()
        self.scores = scores
        self.register_buffer("log_prior", log_prior)

    def forward(self, h: Tensor) -> Tensor:
        scores: Tensor = self.scores(h.flatten(1))
        return scores + self.log_prior


def _bound_loss(block: nn.Module, objective: IBObjective, noise: torch.Generator) -> Loss:
    def loss(x: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        terms = objective(block(x), labels, noise)
        figures = {
            "mi_ty" if objective.predict_noisy else "mi_hy": terms.prediction,
            "train_accuracy": accuracy(terms.scores + objective.log_prior, labels),
        }
        if terms.mi_xt is not None:
            figures["mi_xt"] = terms.mi_xt
        return terms.loss, figures

    return loss
