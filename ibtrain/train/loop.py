"""One network's optimiser, data order, learning-rate schedule and metrics, an epoch at a time."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.backend.exchange import copy_from_first, sum_over_processes
from ibtrain.backend.gradients import gradient_norm
from ibtrain.backend.optim import cosine, load_moments, make_optimizer, set_rate
from ibtrain.backend.precision import check_precision
from ibtrain.backend.process_group import num_processes
from ibtrain.backend.seeding import generator
from ibtrain.checks import check_integer, check_number
from ibtrain.config import CompleteOptimConfig
from ibtrain.errors import ConfigError, NonFiniteError
from ibtrain.train.augmented import Augmentation
from ibtrain.train.averaging import AveragedWeights, running_statistics
from ibtrain.train.checkpointer import State
from ibtrain.train.metrics import GRADIENT, StepMetrics, are_finite
from ibtrain.train.objectives.base import Metrics, Objective
from ibtrain.train.order import epoch_order
from ibtrain.train.read_ahead import batches_of

__all__ = ["EpochLoop"]


class EpochLoop:
    """Everything that one network needs for its steps on one data set.

    Samples stay where they are: the order of an epoch is drawn on the device, batches are gathered there, and
    metrics are read once an epoch. A last, smaller batch is left out; the order changes every epoch.
    :class:`~ibtrain.train.lockstep.Lockstep` takes the steps, of one network or of several at once.

    Args:
        objective: What the network minimises; it holds every parameter that is optimised.
        inputs: What the network reads, ``(samples, ...)``.
        labels: Classes, ``(samples,)``.
        config: Optimiser, learning rate, schedule, batch size, epochs.
        seed: Seeds the data order.
        noise: Source of the objective's noise.
        random_layers: Layers that every batch of inputs passes in training, such as the dropout at the end of the
            frozen block that gave the inputs.
        augmentation: Makes the blocks' inputs of every batch of ``inputs``, which are then images.
        sample_bytes: Size of a sample in bytes, for the order of an epoch; it may be larger elsewhere in the network. 0 is that of an input.
    """

    def __init__(
        self,
        objective: Objective,
        inputs: Float[Tensor, "samples *shape"],
        labels: Int[Tensor, " samples"],
        config: CompleteOptimConfig,
        seed: int,
        noise: torch.Generator,
        random_layers: nn.Module | None = None,
        augmentation: Augmentation | None = None,
        sample_bytes: int = 0,
    ) -> None:
        self.objective = objective
        self.inputs = inputs
        self.labels = labels
        self.config = config
        self.seed = seed
        self.batch_size = config.samples_per_step(len(labels))
        self.steps_per_epoch = len(labels) // self.batch_size
        self.order = generator(labels.device, seed, "order")
        self.noise = noise
        self.random_layers = random_layers
        self.augmentation = augmentation
        self.sample_bytes = sample_bytes or inputs[0].nbytes
        self.epoch = 0
        self.seconds = 0.0
        self.metrics = StepMetrics(seed)
        self._epoch_order = self.order.get_state()
        self._check_processes()
        self._parameters = [p for p in objective.parameters() if p.requires_grad]
        self._network = {id(parameter) for parameter in objective.network_parameters()}
        self._statistics = running_statistics(objective)
        self.optimizer = make_optimizer(
            config.optimizer,
            self._groups() if config.weight_decay else self._parameters,
            config.learning_rate,
            labels.device,
            config.momentum,
        )
        self.average = (
            AveragedWeights(objective, config.weight_averaging) if config.weight_averaging else None
        )
        check_precision(config.precision, labels.device)
        if self._skips and not self.optimizer.defaults["fused"]:
            raise ConfigError("skip", f"stop on a device such as {labels.device}", "on_nonfinite")

    def _check_processes(self) -> None:
        """Checks that each process that trains the network has rows of a batch; all start from the same weights."""
        count = num_processes()
        if count > 1 and self.batch_size < 2 * count:
            expected = f"at least {2 * count}, two for each process"
            raise ConfigError(self.batch_size, expected, "batch_size")
        copy_from_first([*self.objective.parameters(), *self.objective.buffers()])

    @property
    def _skips(self) -> bool:
        return self.config.on_nonfinite == "skip"

    def _groups(self) -> list[dict[str, Any]]:
        """The network's parameters, which decay, and the critics', whose decay would loosen the bounds."""
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for parameter in self._parameters:
            groups[id(parameter) in self._network].append(parameter)
        return [
            {"params": parameters, "weight_decay": self.config.weight_decay * decays}
            for decays, parameters in groups.items()
        ]

    @property
    def generators(self) -> list[torch.Generator]:
        """The generators from which the steps draw."""
        return [self.noise, *([self.augmentation.generator] if self.augmentation else [])]

    def batches(self) -> Iterator[Int[Tensor, " batch"]]:
        """Indices of the samples of each batch that is left of the epoch."""
        self._epoch_order = self.order.get_state()
        order = epoch_order(len(self.labels), self.sample_bytes, self.order, self.labels.device)
        return batches_of(self.inputs, order, self.batch_size, done=len(self.metrics))

    def learning_rate(self, step: int) -> float:
        """The schedule's learning rate at a step of the whole training."""
        if self.config.schedule == "constant":
            return self.config.learning_rate
        progress = step / (self.steps_per_epoch * self.config.epochs)
        return self.config.learning_rate * cosine(progress)

    def set_rate(self) -> None:
        """Sets the optimiser's learning rate to that of the next step."""
        step = self.epoch * self.steps_per_epoch + len(self.metrics)
        set_rate(self.optimizer, self.learning_rate(step))

    def batch(self, index: Int[Tensor, " batch"]) -> tuple[Tensor, ...]:
        """The arguments of the objective: inputs, labels and random numbers of a batch."""
        noise = self.objective.draw(len(index), self.noise, self.labels.device)
        x = self.inputs.index_select(0, index)
        if self.augmentation is not None:
            x = self.augmentation(x)
        if self.random_layers is not None:
            x = self.random_layers(x)
        return x, self.labels[index], *noise

    def step(self, metrics: Metrics) -> Float[Tensor, " metrics"]:
        """Steps the optimiser, unless something is not finite and the optimiser's kernel can skip it.

        Args:
            metrics: Of the objective, after its backward pass.

        Returns:
            The metrics, and last the norm of the gradient.
        """
        metrics = self._exchange(metrics)
        norm = gradient_norm(self._parameters)
        self.metrics.names = [*metrics, GRADIENT]
        values = torch.stack([*metrics.values(), norm])
        if self.optimizer.defaults["fused"]:
            # what is not finite never reaches the weights: the kernel itself leaves them alone
            self.optimizer.found_inf = are_finite(values).logical_not().float()  # type: ignore[attr-defined]
        self.optimizer.step()
        return values

    def _exchange(self, metrics: Metrics) -> Metrics:
        """Makes the gradients and metrics of the whole batch from those of all processes that train the network.

        Each process has the gradients of its rows for the network, which are summed. Critics, and the network of an objective that
        does not share rows, see all rows in every process: their gradients, and the metrics, are averaged, so that differences of
        rounding can't grow. Running statistics of normalisations are averaged, too.
        """
        count = num_processes()
        if count == 1:
            return metrics
        of_rows = self._network if self.objective.shares_rows else set()
        gradients = {id(p): p.grad for p in self._parameters if p.grad is not None}
        alike = [gradient for key, gradient in gradients.items() if key not in of_rows]
        # a copy: metrics may share the memory of the loss
        values = torch.stack([*metrics.values()])
        for tensor in [*alike, *self._statistics, values]:
            tensor.div_(count)
        sum_over_processes([*gradients.values(), *self._statistics, values])
        return dict(zip(metrics, values.unbind(), strict=True))

    def end_step(self, metrics: Float[Tensor, " metrics"]) -> None:
        """Records the metrics of :meth:`step`, and averages the weights.

        It is no part of a recorded step, because the newest weights' share of the average differs between steps.
        """
        self.metrics.steps.append(metrics)
        if self.average:
            self.average.update()

    def end_epoch(self) -> dict[str, float]:
        """The epoch's mean metrics.

        Raises:
            NonFiniteError: If a metric, or a running statistic of a normalisation, became NaN or infinite.
        """
        self.epoch += 1
        # a recorded step does not name its metrics again
        metrics, self.metrics = self.metrics, StepMetrics(self.seed, self.metrics.names)
        means = metrics.means(f"epoch {self.epoch}", skips=self._skips)
        # the batch's own statistics hide it in training, and no step that is skipped undoes it
        if self._statistics and not torch.stack([*map(are_finite, self._statistics)]).all():
            place = f"epoch {self.epoch}, seed {self.seed}"
            raise NonFiniteError(f"a normalisation's running statistics became infinite in {place}")
        return means

    def state_dict(self) -> State:
        """Everything that the steps to come depend on."""
        has_begun = len(self.metrics) > 0
        return {
            "objective": self.objective.state_dict(),
            # of those parameters that have had a gradient
            "moments": {str(k): v for k, v in self.optimizer.state_dict()["state"].items()},
            # an epoch that has begun draws its order again
            "order": self._epoch_order if has_begun else self.order.get_state(),
            "noise": self.noise.get_state(),
            "augmentation": self.augmentation.generator.get_state() if self.augmentation else None,
            "epoch": self.epoch,
            "metric_names": self.metrics.names,
            "metrics": torch.stack(self.metrics.steps) if has_begun else None,
            "seconds": self.seconds,
            "average": self.average.state_dict() if self.average else None,
        }

    def load_state_dict(self, state: State) -> None:
        """Restores a state of :meth:`state_dict`."""
        check_integer("epoch", state["epoch"], 0, self.config.epochs)
        check_number("seconds", state["seconds"], 0)
        self.objective.load_state_dict(state["objective"])
        load_moments(self.optimizer, {int(k): v for k, v in state["moments"].items()})
        self.order.set_state(state["order"])
        self.noise.set_state(state["noise"])
        if self.augmentation:
            self.augmentation.generator.set_state(state["augmentation"])
        self.epoch = state["epoch"]
        names, steps = state["metric_names"], state["metrics"]
        if steps is not None and (
            len(steps) > self.steps_per_epoch or steps.shape[1:] != (len(names),)
        ):
            raise ValueError("metrics of another epoch")
        device = self.labels.device
        self.metrics = StepMetrics(
            self.seed, names, () if steps is None else steps.to(device).unbind()
        )
        self.seconds = state["seconds"]
        if self.average:
            self.average.load_state_dict(state["average"])
