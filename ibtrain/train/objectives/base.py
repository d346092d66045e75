"""What a step descends, and what one block optimises: the interfaces of all objectives."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["BlockObjective", "BlockSpec", "Metrics", "Objective"]

Metrics = dict[str, Tensor]
"""Scalars to average over an epoch, by name; without gradients."""


@dataclass(frozen=True)
class BlockSpec:
    """What an objective has to know of its block, its network and the labels.

    Args:
        shape: Shape of the block's output h, without the batch: ``(dim,)`` or ``(channels, height, width)``.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        index: The block's place in the network, from 0.
        count: Number of the network's blocks.
    """

    shape: tuple[int, ...]
    log_prior: Float[Tensor, " classes"]
    index: int = 0
    count: int = 1

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.log_prior)

    @property
    def is_output(self) -> bool:
        """Whether the block is the last, whose outputs are the network's class scores."""
        return self.index == self.count - 1


class Objective(nn.Module, ABC):
    """What a step descends: maps a batch to a scalar and to metrics, for one network.

    Several networks may be evaluated as one with :func:`torch.func.vmap`. Random numbers are therefore drawn
    outside, by :meth:`draw`, and buffers are changed in place.

    Args:
        readout: Maps the last block's output to scores ``(batch, classes)`` whose argmax is the prediction.
        noise_shapes: Shapes of the standard normal numbers that a sample needs.
    """

    def __init__(self, readout: nn.Module, noise_shapes: Sequence[tuple[int, ...]] = ()) -> None:
        super().__init__()
        self.readout = readout
        self.noise_shapes = tuple(noise_shapes)

    def draw(
        self, count: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, ...]:
        """Standard normal numbers for a batch, ``(count, *shape)`` for each of the shapes.

        Args:
            count: Samples of the batch.
            generator: Source of the numbers.
            device: Where they are drawn.
        """
        return tuple(
            torch.randn((count, *shape), generator=generator, device=device)
            for shape in self.noise_shapes
        )

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "batch *shape_x"], y: Int[Tensor, " batch"], *noise: Tensor
    ) -> tuple[Tensor, Metrics]:
        """The scalar to descend, and metrics to average over the epoch.

        Args:
            x: What the network, or the block, reads, in random order.
            y: Each sample's class.
            *noise: What :meth:`draw` gave.
        """


class BlockObjective(Objective):
    r"""What one block of a network optimises, together with the critics that read its output.

    A subclass is constructed as ``Subclass(block, spec, config)``, where ``config`` is the run's
    :class:`~ibtrain.config.ObjectiveConfig`; torch's random state is then that of the critics' weights. It makes
    them with :mod:`~ibtrain.train.objectives.critics`, which bounds their size for feature maps, and implements
    :meth:`loss`. A line of :data:`~ibtrain.config.OBJECTIVES` gives it a name.

    Args:
        block: The block in training.
        readout: Maps h to scores ``(batch, classes)`` whose argmax is the prediction.
        noise_shapes: Shapes of the standard normal numbers that :meth:`loss` reads for a sample.

    Example:
        >>> class MeanSquare(BlockObjective):  # of a block whose outputs are class scores
        ...     def __init__(self, block, spec, config):
        ...         super().__init__(block, readout=nn.Identity())
        ...     def loss(self, x, h, y):
        ...         loss = (h - nn.functional.one_hot(y, h.shape[1])).square().mean()
        ...         return loss, {"square": loss.detach()}
        >>> objective = MeanSquare(nn.Linear(4, 3), BlockSpec((3,), torch.zeros(3)), None)
        >>> value, metrics = objective(torch.zeros(8, 4), torch.zeros(8, dtype=torch.long))
        >>> value.backward()
    """

    def __init__(
        self,
        block: nn.Module,
        readout: nn.Module,
        noise_shapes: Sequence[tuple[int, ...]] = (),
    ) -> None:
        super().__init__(readout, noise_shapes)
        self.block = block

    @abstractmethod
    def loss(
        self,
        x: Float[Tensor, "batch *shape_x"],
        h: Float[Tensor, "batch *shape_h"],
        y: Int[Tensor, " batch"],
        *noise: Tensor,
    ) -> tuple[Tensor, Metrics]:
        """What the block and its critics descend on a batch.

        Args:
            x: What the block has read.
            h: What the block made of it, with gradients.
            y: Each sample's class.
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
        """Evaluates the block, and then its :meth:`loss`."""
        return self.loss(x, self.block(x), y, *noise)
