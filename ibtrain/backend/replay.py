"""A training step whose operations are recorded once and then launched as one: CUDA graphs."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["RECORDERS", "SWITCH", "Recorder", "is_replayed", "replayed", "replaying"]

SWITCH = "IBTRAIN_CUDA_GRAPHS"
"""Environment variable that, set to 1, has steps recorded on the devices of :data:`RECORDERS`."""
WARM_UP = 3
"""Steps that are done as written: libraries and the optimiser make what they keep in their first."""

Step = Callable[..., Tensor]
"""Reads tensors and what it has kept on the device, and returns a tensor."""


class Recorder(Protocol):
    """Records the operations of a step, and does them again on the same memory."""

    def __init__(self, device: torch.device, generators: Sequence[torch.Generator]) -> None: ...

    def aside(self) -> AbstractContextManager[None]:
        """Steps within it are done as written, on the queue of work that will be recorded."""

    def recording(self) -> AbstractContextManager[None]:
        """Operations within it are recorded; whether they are done as well is not said."""

    def replay(self) -> None:
        """Does them again, generators included, which draw on."""


class CudaRecorder:
    """A CUDA graph.

    Args:
        device: Where.
        generators: What the step draws from, besides the device's own.

    References:
        PyTorch's notes on CUDA semantics, "CUDA graphs".
    """

    def __init__(self, device: torch.device, generators: Sequence[torch.Generator]) -> None:
        self.graph = torch.cuda.CUDAGraph()
        self.stream = _side_stream(device)
        for own in generators:
            self.graph.register_generator_state(own)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """On a stream that is not the default one, which can't be recorded."""
        main = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(main)
        with torch.cuda.stream(self.stream):
            yield
        main.wait_stream(self.stream)

    def recording(self) -> AbstractContextManager[None]:
        """Nothing within it is done."""
        return torch.cuda.graph(self.graph, stream=self.stream)

    def replay(self) -> None:
        """One launch."""
        self.graph.replay()


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    # libraries keep a workspace for each stream that they have met
    return torch.cuda.Stream(device)


RECORDERS: dict[str, type[Recorder]] = {"cuda": CudaRecorder}
"""By the kind of device."""


def is_replayed(device: torch.device) -> bool:
    """Whether steps on this device are recorded, if they can be: optimisers must be ready for it."""
    return device.type in RECORDERS and os.environ.get(SWITCH) == "1"


@contextmanager
def replaying(is_on: bool) -> Iterator[None]:
    """Sets :data:`SWITCH` for what is prepared within the block."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "1" if is_on else "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SWITCH]
        else:
            os.environ[SWITCH] = before


def replayed(step: Step, device: torch.device, generators: Sequence[torch.Generator] = ()) -> Step:
    """The step, which is recorded when it has been called a few times, where :func:`is_replayed`.

    What it does on the host (attributes it sets, numbers it reads) is then done no more: it must
    change what it keeps in place, and call the same operations on tensors of the same shapes.

    Args:
        step: Reads tensors, each of one shape at all calls.
        device: Where.
        generators: What it draws from.
    """
    if not is_replayed(device):
        return step
    return _Replayed(step, RECORDERS[device.type](device, generators))


class _Replayed:
    def __init__(self, step: Step, recorder: Recorder) -> None:
        self.step = step
        self.recorder = recorder
        self.warm_up = WARM_UP
        self.recorded: tuple[tuple[Tensor, ...], Tensor] | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        if self.warm_up:
            self.warm_up -= 1
            with self.recorder.aside():
                return self.step(*inputs)
        self.recorded = self.recorded or self._record(inputs)
        places, output = self.recorded
        for place, new in zip(places, inputs, strict=True):
            place.copy_(new)
        self.recorder.replay()
        # the next replay writes over it
        return output.clone()

    def _record(self, inputs: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
        """Where the recorded step reads its inputs, and where it writes its output."""
        places = tuple(own.clone() for own in inputs)
        with self.recorder.recording():
            return places, self.step(*places)
