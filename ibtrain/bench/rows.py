"""Times benchmark cases; each one is a row of a record."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ibtrain.backend.seeding import seeded
from ibtrain.bench.cases import Case
from ibtrain.bench.machine import Machine
from ibtrain.bench.measure import Timing, Work, time_call, work_of

__all__ = ["Row", "time_cases"]


@dataclass(frozen=True)
class Row:
    """A case, its time, and its shares of the machine's limits.

    Args:
        name: Name of the case.
        timing: Time of one call.
        steps: Optimiser steps per call.
        samples: Samples per call.
        work: Work of a call.
    """

    name: str
    timing: Timing
    steps: int
    samples: int
    work: Work

    @property
    def steps_per_second(self) -> float:
        """Optimiser steps per second; calls per second if the case has no optimiser."""
        return self.steps / self.timing.median

    @property
    def samples_per_second(self) -> float:
        """Samples per second."""
        return self.samples / self.timing.median

    def share_of_flops(self, machine: Machine) -> float:
        """Operations per second, relative to those of a large matrix product."""
        return self.work.flops / self.timing.median / machine.flops

    def share_of_bandwidth(self, machine: Machine) -> float:
        """Bytes per second, relative to those of a large copy; above 1 if they come from a cache."""
        return self.work.bytes / self.timing.median / machine.bandwidth

    def to_dict(self, machine: Machine) -> dict[str, Any]:
        """The JSON form."""
        return {
            "name": self.name,
            "seconds": asdict(self.timing),
            "steps_per_second": self.steps_per_second,
            "samples_per_second": self.samples_per_second,
            "flops": self.work.flops,
            "bytes": self.work.bytes,
            "share_of_flops": self.share_of_flops(machine),
            "share_of_bandwidth": self.share_of_bandwidth(machine),
        }


def time_cases(cases: Sequence[Case], device: torch.device) -> Iterator[Row]:
    """Times cases in sequence, each with a fixed seed."""
    for case in cases:
        with seeded(0, case.name):
            call = case.make(device)
            work = work_of(call)
            yield Row(case.name, time_call(call, device), case.steps, case.samples, work)
