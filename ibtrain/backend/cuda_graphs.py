"""A training step whose operations are recorded once and then launched as one: CUDA graphs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache

import torch
from torch import Tensor

from ibtrain.backend.process_group import num_processes
from ibtrain.errors import ConfigError

__all__ = ["CudaGraph", "Step", "check_graphs", "cuda_graphs", "graphed", "uses_graphs"]

WARM_UP_STEPS = 3
"""Steps before the recording: libraries and the optimiser allocate what they keep in their first steps."""
DEVICE_TYPE = "cuda"

_is_enabled = ContextVar("cuda_graphs", default=False)

Step = Callable[..., Tensor]
"""Reads tensors, and state that it keeps on the device, and returns a tensor."""


@contextmanager
def cuda_graphs(is_enabled: bool = True) -> Iterator[None]:
    """Records training steps as CUDA graphs within the block, or does not; by default they are not recorded.

    Adam then keeps its learning rate on the device, which may change the last digits of its steps.

    Args:
        is_enabled: Whether steps are recorded.

    Example:
        >>> with cuda_graphs():  # on a CPU nothing changes
        ...     uses_graphs(torch.device("cpu"))
        False
    """
    token = _is_enabled.set(is_enabled)
    try:
        yield
    finally:
        _is_enabled.reset(token)


def check_graphs(device: torch.device) -> None:
    """Checks that steps on a device can be recorded.

    Raises:
        ConfigError: If it is not a CUDA device, or if several processes train.
    """
    if num_processes() > 1:
        raise ConfigError(f"{num_processes()} processes", "one", "cuda_graphs")
    if device.type != DEVICE_TYPE:
        raise ConfigError("cuda_graphs", f"a CUDA device (this run is on {device})", "device")


def uses_graphs(device: torch.device) -> bool:
    """Whether steps on this device are recorded now; optimisers must then be capturable."""
    return device.type == DEVICE_TYPE and _is_enabled.get()


class CudaGraph:
    """A recorded step on a CUDA device.

    Args:
        device: The device.
        generators: Generators that the step draws from, besides the device's default one.

    References:
        PyTorch's notes on CUDA semantics, "CUDA graphs".
    """

    def __init__(self, device: torch.device, generators: Sequence[torch.Generator]) -> None:
        self.graph = torch.cuda.CUDAGraph()
        self.stream = _side_stream(device)
        for generator in generators:
            self.graph.register_generator_state(generator)

    @contextmanager
    def warmup(self) -> Iterator[None]:
        """Runs the block on the stream that will be recorded; the default stream can't be."""
        main = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(main)
        with torch.cuda.stream(self.stream):
            yield
        main.wait_stream(self.stream)

    def capture(self) -> AbstractContextManager[None]:
        """Records the block's operations without executing them."""
        return torch.cuda.graph(self.graph, stream=self.stream)

    def replay(self) -> None:
        """Executes the recorded operations in one launch; generators advance as they would have."""
        self.graph.replay()


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    # libraries keep a workspace for each stream that they have met
    return torch.cuda.Stream(device)


def graphed(step: Step, device: torch.device, generators: Sequence[torch.Generator] = ()) -> Step:
    """The step, recorded after its first calls where :func:`uses_graphs`, and otherwise as it is.

    A recorded step no longer runs its Python code: it must update its state in place, and call the same
    operations on tensors of the same shapes every time.

    Args:
        step: The step; each of its arguments has the same shape at every call.
        device: The device of its tensors.
        generators: Generators that it draws from.
    """
    if not uses_graphs(device):
        return step
    return _Graphed(step, CudaGraph(device, generators))


class _Graphed:
    def __init__(self, step: Step, graph: CudaGraph) -> None:
        self.step = step
        self.graph = graph
        self.warm_up_steps = WARM_UP_STEPS
        self.recorded: tuple[tuple[Tensor, ...], Tensor] | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        if self.warm_up_steps:
            self.warm_up_steps -= 1
            with self.graph.warmup():
                return self.step(*inputs)
        self.recorded = self.recorded or self._record(inputs)
        static_inputs, output = self.recorded
        for static_input, tensor in zip(static_inputs, inputs, strict=True):
            static_input.copy_(tensor)
        self.graph.replay()
        # the next replay overwrites it
        return output.clone()

    def _record(self, inputs: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
        """The tensors from which the recorded step reads its inputs, and the one it writes."""
        static_inputs = tuple(tensor.clone() for tensor in inputs)
        with self.graph.capture():
            return static_inputs, self.step(*static_inputs)
