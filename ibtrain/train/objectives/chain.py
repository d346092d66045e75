"""Several blocks that take a step each on the same batch."""

from collections.abc import Mapping

from torch import Tensor, nn

from ibtrain.train.objectives.base import BlockObjective, Metrics, Objective

__all__ = ["Chain"]


class Chain(Objective):
    """The sum of consecutive blocks' objectives, each block reading what the one before it gives.

    Args:
        objectives: By the block's name, in order.
        is_joint: Whether gradients cross from a block into those before it. Otherwise every block reads
            its input detached, and trains as if the blocks before it were data.
    """

    def __init__(self, objectives: Mapping[str, BlockObjective], *, is_joint: bool) -> None:
        *_, last = objectives.values()
        shapes = [shape for own in objectives.values() for shape in own.noise_shapes]
        super().__init__(last.readout, shapes)
        self.names = tuple(objectives)
        self.objectives = nn.ModuleList(objectives.values())
        self.is_joint = is_joint

    def forward(self, x: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, Metrics]:
        """The sum, and each block's metrics as ``block.metric``; the last block's have their plain names."""
        total, metrics, left = None, {}, list(noise)
        for name, objective in zip(self.names, self.objectives, strict=True):
            assert isinstance(objective, BlockObjective)
            h = objective.block(x)
            count = len(objective.noise_shapes)
            own, left = left[:count], left[count:]
            loss, found = objective.checked_loss(x, h, y, *own)
            total = loss if total is None else total + loss
            prefix = "" if name == self.names[-1] else f"{name}."
            metrics.update({f"{prefix}{metric}": value for metric, value in found.items()})
            x = h if self.is_joint else h.detach()
        assert total is not None
        return total, metrics
