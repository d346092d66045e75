"""Measures several layers at once; the processes that train a network together share the work."""

import io
from collections.abc import Sequence
from itertools import chain, islice, pairwise

import torch

from ibtrain.backend.exchange import share_out
from ibtrain.backend.process_group import num_processes
from ibtrain.plane.measures import LayerSample, Measure, Values, checked_values, merged_values

__all__ = ["measured"]


def measured(samples: Sequence[LayerSample], measures: Sequence[Sequence[Measure]]) -> list[Values]:
    """The values of all measures of each layer.

    Each of several processes takes some of the measures, whose values are those of a single process; afterwards all processes have all
    values, and all measures the states after them.

    Args:
        samples: The layers.
        measures: The measures of each.
    """
    tasks = [
        (m, sample) for sample, of_layer in zip(samples, measures, strict=True) for m in of_layer
    ]
    values = iter(_all_values(tasks))
    return [merged_values(of_layer, islice(values, len(of_layer))) for of_layer in measures]


def _all_values(tasks: Sequence[tuple[Measure, LayerSample]]) -> list[Values]:
    count = num_processes()
    if count == 1:
        return [checked_values(*task) for task in tasks]

    def of_part(part: range) -> list[tuple[Values, bytes]]:
        return [(checked_values(*tasks[i]), _packed(tasks[i][0])) for i in part]

    # neighbours, so that one process has most of a layer; the first ones have the smaller parts, as the critics, which take longest, are
    # the first measure of a layer by default
    ends = [len(tasks) * place // count for place in range(count + 1)]
    parts = [range(*end) for end in pairwise(ends)]
    results = list(chain.from_iterable(share_out(of_part, parts)))
    for (measure, _), (_, state) in zip(tasks, results, strict=True):
        unpacked = torch.load(io.BytesIO(state), map_location="cpu", weights_only=False)
        measure.load_state_dict(unpacked)
    return [values for values, _ in results]


def _packed(measure: Measure) -> bytes:
    """The state of a measure, which another process loads on a device of its own."""
    buffer = io.BytesIO()
    torch.save(measure.state_dict(), buffer)
    return buffer.getvalue()
