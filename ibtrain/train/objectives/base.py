"""Interfaces of all objectives: the loss of a step, and the loss of one block."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ibtrain.backend.exchange import all_rows, map_rows, my_rows
from ibtrain.backend.process_group import num_processes
from ibtrain.errors import ModelError

__all__ = ["BlockObjective", "BlockSpec", "Metrics", "Objective"]

Metrics = dict[str, Tensor]
"""Scalar tensors without gradients, by name; their means over an epoch are recorded."""
RESERVED = ("event", "method", "seed", "stage", "epoch", "flags", "gradient", "skipped_steps",
            "test_accuracy", "validation_accuracy")  # fmt: skip
"""Keys of an event besides the objective's metrics."""


@dataclass(frozen=True)
class BlockSpec:
    """What an objective needs to know about its block, its network and the labels.

    Args:
        shape: Shape of the block's output h, without the batch: ``(dim,)`` or ``(channels, height, width)``.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        index: The block's place in the network, from 0.
        count: Number of the network's blocks.
    """

    shape: tuple[int, ...]
    log_prior: Float[Tensor, " classes"]
    index: int
    count: int

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.log_prior)

    @property
    def is_output(self) -> bool:
        """Whether the block is the last, whose outputs are the network's class scores."""
        return self.index == self.count - 1


class Objective(nn.Module, ABC):
    """The loss of a step: maps a batch to a scalar and to metrics, for one network.

    On an accelerator the networks of several seeds are evaluated as one by :func:`torch.func.vmap`. The evaluation
    must therefore not draw random numbers (they come from :meth:`draw`), must not read tensors on the host
    (``.item()``, ``if`` on a tensor, boolean indexing, ``unique``), and must change buffers in place.

    Args:
        readout: Maps the last block's output to scores ``(batch, classes)`` whose argmax is the prediction; an
            :class:`~ibtrain.train.scores.AveragedReadout` maps the outputs of all blocks.
        noise_shapes: Shapes, without the batch, of the standard normal numbers that the loss needs. Each becomes
            one more argument ``(batch, *shape)``; the shape ``()`` is one number for each sample.
    """

    shares_rows: ClassVar[bool] = False
    """Whether each of several processes evaluates the network on its rows of a batch only, and gathers the outputs; otherwise
    each process evaluates it on the whole batch."""
    is_sample_mean: bool = False
    """Whether the loss of a batch is the mean of its samples' losses."""

    def __init__(self, readout: nn.Module, noise_shapes: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__()
        self.readout = readout
        self.noise_shapes = tuple(noise_shapes)

    def network_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the network in training, to which weight decay applies; those of critics are left out."""
        return self.parameters()

    def draw(
        self, count: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, ...]:
        """Standard normal numbers for a batch, ``(count, *shape)`` for each of the shapes.

        Args:
            count: Number of samples in the batch.
            generator: Source of the numbers, on the device.
            device: Device of the numbers.
        """
        return tuple(
            torch.randn((count, *shape), generator=generator, device=device)
            for shape in self.noise_shapes
        )

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "batch *shape_x"], y: Int[Tensor, " batch"], *noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """The scalar to minimise, and metrics to average over the epoch.

        Args:
            x: Inputs of the network, or of the block, in random order.
            y: Class of each sample.
            *noise: Random numbers from :meth:`draw`.
        """


class BlockObjective(Objective):
    r"""The objective of one block of a network, together with the critics that read its output.

    A subclass is constructed as ``Subclass(block, spec, config)``, where ``config`` is the run's
    :class:`~ibtrain.config.ObjectiveConfig`. Torch's generator is seeded before, so that the modules that it
    creates are reproducible. It creates critics with :mod:`~ibtrain.train.objectives.critics`, which bounds
    their size for feature maps, and implements :meth:`loss`, which also has to train the readout. A line of
    :data:`~ibtrain.config.OBJECTIVES` gives it a name, with which ``--objective`` selects it for the hidden blocks;
    ``--readout`` selects the objective of the output block.

    A setting with a value for each block, such as ``noise_std``, is
    ``config.for_blocks("noise_std", spec.count)[spec.index]``.

    Args:
        block: The block in training.
        readout: Maps h to scores ``(batch, classes)`` whose argmax is the prediction.
        noise_shapes: As of :class:`Objective`.

    Attributes:
        label_smoothing: Share of a label that is spread over all classes; always 0 if the objective does not smooth labels.
        means: A linear layer through which the loss reads h and the noise, and which leaves what it has returned unchanged: several
            processes gather what it returns, which may be much smaller than h. None if the loss reads x, or whole outputs.

    Example:
        >>> from ibtrain.train.objectives.critics import class_critic
        >>> class NoisyMeanSquare(BlockObjective):
        ...     def __init__(self, block, spec, config):
        ...         readout = class_critic(spec.shape, spec.num_classes, hidden=[])
        ...         super().__init__(block, readout, noise_shapes=[spec.shape])
        ...     def loss(self, x, h, y, noise):
        ...         scores = self.readout(h + noise)
        ...         loss = (scores - nn.functional.one_hot(y, scores.shape[1])).square().mean()
        ...         return loss, {"square": loss.detach()}
        >>> spec = BlockSpec(shape=(5,), log_prior=torch.zeros(3), index=0, count=3)
        >>> objective = NoisyMeanSquare(nn.Linear(4, 5), spec, None)
        >>> noise = objective.draw(8, torch.Generator(), torch.device("cpu"))
        >>> value, metrics = objective(torch.zeros(8, 4), torch.zeros(8, dtype=torch.long), *noise)
        >>> value.backward()
    """

    shares_rows: ClassVar[bool] = True
    smooths_labels: ClassVar[bool] = False
    """Whether labels can be smoothed."""
    reads_means: ClassVar[bool] = False
    """Whether the loss reads no more of a feature map than the means that critics read. A subclass does not inherit it: what it overrides may
    read all."""
    label_smoothing: float = 0.0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.reads_means = vars(cls).get("reads_means", False)

    def __init__(
        self,
        block: nn.Module,
        readout: nn.Module,
        noise_shapes: Sequence[tuple[int, ...]] = (),
    ) -> None:
        super().__init__(readout, noise_shapes)
        self.block = block
        self.means: nn.Module | None = None

    def network_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the block."""
        return self.block.parameters()

    def smooth_labels(self, share: float) -> None:
        """Spreads a share of each label over all classes, if the objective can.

        Args:
            share: The share, from 0.
        """
        if self.smooths_labels:
            self.label_smoothing = share

    @abstractmethod
    def loss(
        self,
        x: Float[Tensor, "batch *shape_x"],
        h: Float[Tensor, "batch *shape_h"],
        y: Int[Tensor, " batch"],
        *noise: Tensor,
    ) -> tuple[Tensor, Metrics]:
        """The loss of the block and its critics on a batch.

        Args:
            x: Inputs of the block.
            h: Outputs of the block, with gradients.
            y: Class of each sample.
            *noise: Standard normal numbers, ``(batch, *shape)`` for each of the shapes.

        Returns:
            A scalar, and metrics to average over the epoch.
        """

    def scores(self, h: Float[Tensor, "batch *shape_h"]) -> Float[Tensor, "batch classes"]:
        """Class scores whose argmax is the prediction."""
        scores: Tensor = self.readout(h)
        return scores

    def forward(
        self, x: Float[Tensor, "batch *shape_x"], y: Int[Tensor, " batch"], *noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """Evaluates the block, and then its :meth:`loss`.

        Raises:
            ModelError: If the loss or a metric is not a scalar, or if a metric has a reserved name.
        """
        h, noise = self.gather(map_rows(self.block, my_rows(x)), len(x), noise)
        return self.checked_loss(x, h, y, *noise)

    def gather(
        self, rows: Tensor, batch_size: int, noise: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What the loss reads of the outputs of a batch, and of the noise.

        Args:
            rows: Outputs for the rows of this process.
            batch_size: Number of rows of all processes.
            noise: Numbers for the whole batch.
        """
        if self.means is None or num_processes() == 1:
            return all_rows(rows, batch_size), noise
        return all_rows(self.means(rows), batch_size), tuple(map(self.means, noise))

    def checked_loss(
        self, x: Tensor, h: Tensor, y: Tensor, *noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """The :meth:`loss`, whose results are checked as in :meth:`forward`."""
        loss, metrics = self.loss(x, h, y, *noise)
        for name, value in {"loss": loss, **metrics}.items():
            if not isinstance(value, Tensor) or value.ndim:
                kind = type(value).__name__
                given = (
                    f"{name} of shape {tuple(value.shape)}"
                    if isinstance(value, Tensor)
                    else f"{name}: a {kind}"
                )
                raise ModelError(given, "a tensor without dimensions", type(self).__name__)
            if name in RESERVED:
                expected = f"a name that is none of {', '.join(RESERVED)}"
                raise ModelError(f"a metric called {name}", expected, type(self).__name__)
        return loss, metrics
