"""Steps of one network, or of several networks of one shape whose passes are one."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.backend.cuda_graphs import graphed
from ibtrain.backend.ensemble import Ensemble
from ibtrain.backend.precision import lower_precision, tensor_cores
from ibtrain.train.loop import EpochLoop

__all__ = ["Lockstep"]


class Lockstep:
    """Takes the steps of one or several loops, which train side by side, each as it would alone.

    Args:
        loops: One for each network; alike but for their weights, inputs and seeds.
    """

    def __init__(self, loops: Sequence[EpochLoop]) -> None:
        self.loops = loops
        self.networks = Ensemble([loop.objective for loop in loops])
        # a function and not a method, so that the loops go as soon as nobody uses them
        step = partial(_descend, loops, self.networks)
        generators = [generator for loop in loops for generator in loop.generators]
        self._run_step = graphed(step, loops[0].labels.device, generators)

    def run_epoch(self, after_step: Callable[[], None] = lambda: None) -> list[dict[str, float]]:
        """Trains one epoch, or what is left of it.

        Args:
            after_step: Called after each step, when the state is complete.

        Returns:
            The mean metrics of each network.

        Raises:
            NonFiniteError: If a metric became NaN or infinite.
        """
        self.networks.train()
        start = time.perf_counter()
        for batches in zip(*(loop.batches() for loop in self.loops), strict=True):
            self._step(batches)
            self._add_seconds(start)
            after_step()
            start = time.perf_counter()
        means = [loop.end_epoch() for loop in self.loops]
        self._add_seconds(start)
        return means

    def _step(self, batches: Sequence[Int[Tensor, " batch"]]) -> None:
        for loop in self.loops:
            loop.set_rate()
        with tensor_cores(self.loops[0].config.precision):
            metrics = self._run_step(*batches)
        for loop, values in zip(self.loops, metrics, strict=True):
            loop.end_step(values)

    def _add_seconds(self, start: float) -> None:
        """Shares the time since ``start`` among the networks."""
        seconds = (time.perf_counter() - start) / len(self.loops)
        for loop in self.loops:
            loop.seconds += seconds


def _descend(
    loops: Sequence[EpochLoop], networks: Ensemble, *batches: Int[Tensor, " batch"]
) -> Float[Tensor, "networks metrics"]:
    """One pass forward and back for all networks, and a step of each one's optimiser.

    What it does on the host is the same at every step, so that it can be recorded.
    """
    with lower_precision(loops[0].config.precision, batches[0].device):
        pairs = zip(loops, batches, strict=True)
        results = networks.map([loop.batch(index) for loop, index in pairs])
    for loop in loops:
        loop.optimizer.zero_grad()
    torch.autograd.backward([loss for loss, _ in results])
    steps = zip(loops, results, strict=True)
    return torch.stack([loop.step(metrics) for loop, (_, metrics) in steps])
