"""How a critic was trained: its value on the samples that it learned from and on those that chose it."""

from collections.abc import Sequence

from ibtrain.mi.neural.convergence import CurvePoint, best_of
from ibtrain.mi.result import Estimate
from ibtrain.report.mpl import Figure
from ibtrain.report.style import PALETTE, new_figure, styled

__all__ = ["critic_figure"]


@styled
def critic_figure(points: Sequence[CurvePoint], found: Estimate) -> Figure:
    """The curve of every fold's fit, the moments that were kept, and the value that was reported.

    Args:
        points: Every checkpoint, one fold after the other.
        found: What the kept critics give on the samples that report.
    """
    figure, axes = new_figure(1, 1, 3.0)
    axis = axes[0, 0]
    for index, curve in enumerate(_by_fold(points)):
        steps, best = [point.step for point in curve], best_of(curve)
        shown = None if index else True
        for values, colour, line, label in (
            ([point.train for point in curve], PALETTE[1], "--", "training split"),
            ([point.select for point in curve], PALETTE[0], "-", "selection split"),
        ):
            axis.plot(steps, values, color=colour, ls=line, lw=1, label=shown and label)
        axis.plot(best.step, best.select, "o", color=PALETTE[0], ms=4, label=shown and "kept")
    axis.axhspan(found.mi - found.stderr, found.mi + found.stderr, color="#cccccc", lw=0, zorder=0)
    axis.axhline(
        found.mi, color="black", lw=0.8, label=f"reported: {found.mi:.3f} ± {found.stderr:.3f}"
    )
    axis.set(xlabel="step", ylabel="bound  [nats]")
    axis.set_title(
        f"{found.method}: {found.n_train} samples fit and select a critic, {found.n_test} report"
    )
    axis.legend(loc="best")
    return figure


def _by_fold(points: Sequence[CurvePoint]) -> list[list[CurvePoint]]:
    """Each fold's curve begins at step 0."""
    curves: list[list[CurvePoint]] = []
    for point in points:
        if point.step == 0:
            curves.append([])
        curves[-1].append(point)
    return curves
