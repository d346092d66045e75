"""The objective of several blocks that train on the same batches."""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import ClassVar

from torch import Tensor, nn

from ibtrain.backend.exchange import map_rows, my_rows
from ibtrain.train.objectives.base import BlockObjective, Metrics, Objective
from ibtrain.train.scores import AveragedReadout

__all__ = ["Chain"]


class Chain(Objective):
    """The sum of the objectives of consecutive blocks, each of which reads the output of the block before it.

    Args:
        objectives: The objective of each block, by the block's name, in order.
        is_joint: Whether gradients flow from a block into the blocks before it. Otherwise the input of every block
            is detached, and each block trains as if the blocks before it were data.
        averages_scores: Whether the scores of all blocks predict together.
    """

    shares_rows: ClassVar[bool] = True

    def __init__(
        self,
        objectives: Mapping[str, BlockObjective],
        *,
        is_joint: bool,
        averages_scores: bool = False,
    ) -> None:
        readouts = [objective.readout for objective in objectives.values()]
        shapes = [shape for o in objectives.values() for shape in o.noise_shapes]
        super().__init__(AveragedReadout(readouts) if averages_scores else readouts[-1], shapes)
        self.names = tuple(objectives)
        self.objectives = nn.ModuleList(objectives.values())
        self.is_joint = is_joint
        self.is_sample_mean = all(objective.is_sample_mean for objective in self._objectives)
        if any(objective.means is None for objective in self._objectives):
            # a loss that reads x needs all that the block before it has returned
            for objective in self._objectives:
                objective.means = None

    def network_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of all blocks."""
        return chain.from_iterable(o.network_parameters() for o in self._objectives)

    @property
    def _objectives(self) -> list[BlockObjective]:
        return list(self.objectives)  # type: ignore[arg-type]

    def forward(self, x: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, Metrics]:
        """The sum, and the metrics of each block as ``block.metric``; those of the last block have no prefix."""
        total, metrics, noises = None, {}, iter(noise)
        # what this process evaluates
        rows = my_rows(x)
        for name, objective in zip(self.names, self._objectives, strict=True):
            h_rows = map_rows(objective.block, rows)
            own = tuple(islice(noises, len(objective.noise_shapes)))
            h, own = objective.gather(h_rows, len(x), own)
            loss, own_metrics = objective.checked_loss(x, h, y, *own)
            total = loss if total is None else total + loss
            prefix = "" if name == self.names[-1] else f"{name}."
            metrics.update({f"{prefix}{metric}": value for metric, value in own_metrics.items()})
            x, rows = (h, h_rows) if self.is_joint else (h.detach(), h_rows.detach())
        assert total is not None
        return total, metrics
