"""Class scores of a network: those of its last block, or the average over all blocks."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ibtrain.models.blocks import block_outputs

__all__ = ["AveragedReadout", "AveragedScores", "class_scores"]


class AveragedReadout(nn.Module):
    r"""The readouts of several blocks, whose log-probabilities are averaged.

    .. math:: s_c = \frac1L \sum_{i=1}^{L} \log \mathrm{softmax}(s^{(i)}(h_i))_c

    The probabilities that follow from these scores are the normalised geometric mean of the blocks' probabilities.

    Args:
        readouts: Maps from each block's output to class scores ``(batch, classes)``, in order.

    References:
        Hinton, "Training products of experts by minimizing contrastive divergence", Neural Computation 14, 2002.

    Example:
        >>> readout = AveragedReadout([nn.Identity(), nn.Identity()])
        >>> readout([torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, -2.0]])]).softmax(1)
        tensor([[0.5000, 0.5000]])
    """

    def __init__(self, readouts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.readouts = nn.ModuleList(readouts)

    # torch.jit.script can't read annotations of shapes, and has no zip of modules with tensors
    def of_each(self, outputs: list[Tensor]) -> Tensor:
        """Log-probabilities ``(blocks, batch, classes)`` for the output ``(batch, ...)`` of each block."""
        logs: list[Tensor] = []
        for index, readout in enumerate(self.readouts):
            logs.append(readout(outputs[index]).log_softmax(1))
        return torch.stack(logs)

    def forward(self, outputs: list[Tensor]) -> Tensor:
        """Class scores ``(batch, classes)`` for the output ``(batch, ...)`` of each block."""
        return self.of_each(outputs).mean(0)


class AveragedScores(nn.Module):
    """Blocks and an :class:`AveragedReadout` as one module, which torch can export.

    Args:
        blocks: The blocks.
        readout: Reads all of their outputs.
    """

    def __init__(self, blocks: nn.Sequential, readout: AveragedReadout) -> None:
        super().__init__()
        self.blocks = blocks
        self.readout = readout

    # torch.jit.script can't call block_outputs
    def forward(self, x: Tensor) -> Tensor:
        """Class scores ``(batch, classes)`` of inputs ``(batch, ...)``."""
        outputs: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        scores: Tensor = self.readout(outputs)
        return scores


def class_scores(
    blocks: nn.Sequential, readout: nn.Module, x: Float[Tensor, "batch *shape"]
) -> Float[Tensor, "batch classes"]:
    """Class scores whose argmax is the prediction.

    Args:
        blocks: The blocks of a network.
        readout: Reads the output of the last block; an :class:`AveragedReadout` reads that of each.
        x: Inputs of the first block.
    """
    if isinstance(readout, AveragedReadout):
        scores: Tensor = readout(list(block_outputs(blocks, x).values()))
    else:
        scores = readout(blocks(x))
    return scores
