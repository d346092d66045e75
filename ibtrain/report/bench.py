"""Benchmark results as text."""

from ibtrain.bench.machine import Machine
from ibtrain.bench.rows import Row

__all__ = ["bench_header", "bench_row", "machine_line"]

_ROW = "{:<58} {:>10} {:>10} {:>12} {:>9} {:>9}"


def machine_line(machine: Machine, threads: int) -> str:
    """The machine and its limits."""
    return (
        f"{machine.name}, threads: {threads}; at most {machine.flops / 1e9:.0f} GFLOP/s (matrix product), "
        f"{machine.bandwidth / 1e9:.0f} GB/s (copy)"
    )


def bench_header(*, is_compared: bool) -> str:
    """The column headings of :func:`bench_row`."""
    head = _ROW.format("case", "ms/call", "steps/s", "samples/s", "% FLOP/s", "% GB/s")
    return head + (f" {'speed-up':>9}" if is_compared else "")


def bench_row(row: Row, machine: Machine, before: float | None = None) -> str:
    """One case as a line of the table.

    Args:
        row: The timed case.
        machine: The machine whose limits the shares refer to.
        before: Median seconds in an earlier record; the last column is its ratio to the current median.
    """
    line = _ROW.format(
        row.name,
        f"{1e3 * row.timing.median:.2f}",
        f"{row.steps_per_second:.1f}",
        f"{row.samples_per_second:.0f}",
        f"{100 * row.share_of_flops(machine):.1f}",
        f"{100 * row.share_of_bandwidth(machine):.0f}",
    )
    return line + (f" {before / row.timing.median:>9.2f}" if before else "")
