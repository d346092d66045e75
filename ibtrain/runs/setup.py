"""Sets up a run: the one place where data, model, trainers and plane are put together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ibtrain.backend.cuda_graphs import check_graphs
from ibtrain.backend.device import choose_device, choose_threads, threads
from ibtrain.backend.gradients import differentiable
from ibtrain.backend.precision import check_precision
from ibtrain.backend.process_group import check_device
from ibtrain.backend.random_layers import draws_random_numbers
from ibtrain.config import Method, RunConfig
from ibtrain.config.recipes import with_recipes
from ibtrain.data.augmentation import check_augmentable
from ibtrain.data.common import common_data
from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.errors import ConfigError
from ibtrain.models.blocks import block_outputs
from ibtrain.models.build import build_model
from ibtrain.models.layers import check_weights
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.tracker import InformationPlane
from ibtrain.text import abridged
from ibtrain.train.callbacks import CallbackLike
from ibtrain.train.checkpointer import State
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.objectives.critics import features_read
from ibtrain.train.trainer import Trainer

__all__ = ["RunSetup", "load_data"]

MAX_SIZES = 60
"""Maximum number of characters of the sizes of a network's blocks."""


def load_data(config: RunConfig, device: torch.device) -> Dataset:
    """Loads the data of a run; where it is evaluated on the validation split, that takes the place of the test split."""
    data = load_dataset(
        config.dataset,
        config.data_root,
        validation=config.validation,
        train_share=config.train_share,
        train_samples=config.train_samples,
        label_noise=config.label_noise,
        resize=config.resize,
        target=config.target,
        device=device,
    )
    if config.evaluate_on == "validation":
        assert data.validation is not None
        return replace(data, test=data.validation)
    return data


class RunSetup:
    """Loads the data of a run, checks its model, and chooses device and threads.

    Args:
        config: The settings of the run.
        load: Loads the data of the run, on the CPU; None to load them here.

    Raises:
        InvalidInputError: If the settings, the data or the model can't be used.
    """

    def __init__(self, config: RunConfig, load: Callable[[], Dataset] | None = None) -> None:
        self.device = choose_device(config.device)
        check_device(self.device)
        if config.cuda_graphs:
            check_graphs(self.device)
        for method in config.methods:
            optim = getattr(config, method)
            check_precision(optim.precision if optim else "float32", self.device)
        # with one thread, sums have the same rounding on every machine: a run that is resumed on another
        # machine gets the same samples
        with threads(1):
            self.data = load().to(self.device) if load else load_data(config, self.device)
        self.config = config = with_recipes(config, len(self.data.train))
        last = max(config.optim(method).epochs for method in config.methods)
        if max(config.plane.epochs, default=0) > last:
            given = f"epoch {max(config.plane.epochs)}"
            raise ConfigError(given, f"at most {last}, the last epoch of training", "plane_epochs")
        for method in config.methods:
            check_augmentable(config.optim(method).augment, self.data.train.x)
        with differentiable():
            model = build_model(config.model, self.data, config.seeds[0])
        optim = config.optim("layerwise") if "layerwise" in config.methods else None
        trainer = LayerwiseTrainer(model, config.objective, optim)
        outputs = block_outputs(model.eval(), self.data.train.x[:2])
        self.dims = {name: h[0].numel() for name, h in outputs.items()}
        self.shapes = [tuple(h.shape[1:]) for h in outputs.values()]
        self._check_critics(max(features_read(h.shape[1:]) for h in outputs.values()))
        self._draws = any(map(draws_random_numbers, model.modules()))
        self.weights = sum(parameter.numel() for parameter in model.parameters())
        count = len(self.data.train)
        batch_size = max(config.optim(method).samples_per_step(count) for method in config.methods)
        self.threads = config.threads or choose_threads(batch_size, self.weights)
        self.stages = {"layerwise": len(trainer.stages), "end_to_end": 1}
        # its settings are checked before the folder is created
        plane = self.plane(config.seeds[0], lambda point: None)
        if plane:
            plane.check_layers(len(self.dims))

    def share_data(self) -> None:
        """Hands the data on to the processes of torchrun that train this run, too, by :func:`~ibtrain.data.common.common_data`."""
        data = common_data(lambda: self.data.to(torch.device("cpu")))
        if self.device.type == "cpu":
            # those that all have in common
            self.data = data

    def _check_critics(self, widest: int) -> None:
        """Checks that the critics of the widest layer fit into memory, before they are created."""
        objective = self.config.objective
        label = objective.critic_width * (widest + self.data.num_classes)
        pairs = 2 * objective.pair_critic_width * widest
        check_weights(label + pairs, "critics of ")

    def check_plane(self, state: State) -> None:
        """Checks the layers in a plane's saved state, before measures are created for them.

        Raises:
            ValueError: If the network does not have these layers.
        """
        for entry in state["layers"]:
            if self.dims.get(entry["layer"]) != entry["dim"]:
                raise ValueError(
                    f"the network has no layer {entry['layer']!r} of {entry['dim']} units"
                )

    @property
    def network_text(self) -> str:
        """The sizes of the input and of each block's output, and the activation, as in ``784-500-256-10 (relu)``."""
        x_shape = tuple(self.data.train.x.shape[1:])
        has_maps = any(len(shape) > 1 for shape in self.shapes)
        # a network of linear layers flattens its input
        shapes = [x_shape if has_maps else (math.prod(x_shape),), *self.shapes]
        sizes = "-".join("x".join(map(str, shape)) for shape in shapes)
        return f"{abridged(sizes, MAX_SIZES)} ({self.config.model.activation})"

    @property
    def total_epochs(self) -> int:
        """Number of epochs of all trainings."""
        config = self.config
        epochs = sum(self.stages[method] * config.optim(method).epochs for method in config.methods)
        return epochs * len(config.seeds)

    @property
    def trainings(self) -> list[tuple[Method, tuple[int, ...]]]:
        """The trainings in order: each one is a method with some of the seeds."""
        seeds = self.config.seeds
        # on a CPU, an ensemble of seeds is no faster, and needs memory for the activations of all; networks with dropout would share its random
        # numbers, and a seed's result depend on the others
        is_alone = self.device.type == "cpu" or self._draws
        groups = [(seed,) for seed in seeds] if is_alone else [seeds]
        return [(method, group) for group in groups for method in self.config.methods]

    def plane(self, seed: int, on_point: Callable[[PlanePoint], None]) -> InformationPlane | None:
        """Creates the information plane of one network; None if the plane has no points.

        Args:
            seed: Seed of the network.
            on_point: Called with each new point.
        """
        if not self.config.plane.points:
            return None
        return InformationPlane(self.data, config=self.config.plane, seed=seed, on_point=on_point)

    def trainer(self, method: Method, seed: int, callbacks: Sequence[CallbackLike]) -> Trainer:
        """Creates a network and its trainer."""
        model = build_model(self.config.model, self.data, seed)
        optim = self.config.optim(method)
        if method == "end_to_end":
            return EndToEndTrainer(model, optim, seed=seed, callbacks=callbacks, progress=False)
        objective = self.config.objective
        return LayerwiseTrainer(
            model, objective, optim, seed=seed, callbacks=callbacks, progress=False
        )
