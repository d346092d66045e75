"""Picture of a critic's training: the bound on its training samples and on its selection samples."""

from collections.abc import Sequence

from ibtrain.mi.neural.convergence import CurvePoint, best_of
from ibtrain.mi.result import Estimate
from ibtrain.report.mpl import Figure
from ibtrain.report.style import PALETTE, new_figure, styled

__all__ = ["critic_figure"]


@styled
def critic_figure(points: Sequence[CurvePoint], estimate: Estimate) -> Figure:
    """Draws every fold's training curves, the checkpoints that were kept, and the reported value.

    Args:
        points: All checkpoints, fold after fold.
        estimate: Value of the kept critics on the samples that report.
    """
    figure, axes = new_figure(1, 1, 3.0)
    axis = axes[0, 0]
    for index, curve in enumerate(_by_fold(points)):
        steps, best = [point.step for point in curve], best_of(curve)
        has_label = None if index else True
        for values, colour, line, label in (
            ([point.train for point in curve], PALETTE[1], "--", "training split"),
            ([point.select for point in curve], PALETTE[0], "-", "selection split"),
        ):
            axis.plot(steps, values, color=colour, ls=line, lw=1, label=has_label and label)
        axis.plot(best.step, best.select, "o", color=PALETTE[0], ms=4, label=has_label and "kept")
    low, high = estimate.mi - estimate.stderr, estimate.mi + estimate.stderr
    axis.axhspan(low, high, color="#cccccc", lw=0, zorder=0)
    axis.axhline(
        estimate.mi,
        color="black",
        lw=0.8,
        label=f"reported: {estimate.mi:.3f} ± {estimate.stderr:.3f}",
    )
    axis.set(xlabel="step", ylabel="bound  [nats]")
    axis.set_title(
        f"{estimate.method}: {estimate.n_train} samples train a critic, "
        f"{estimate.n_select} select it, {estimate.n_test} report"
    )
    axis.legend(loc="best")
    return figure


def _by_fold(points: Sequence[CurvePoint]) -> list[list[CurvePoint]]:
    """Splits the checkpoints into the folds' curves, each of which begins at step 0."""
    curves: list[list[CurvePoint]] = []
    for point in points:
        if point.step == 0:
            curves.append([])
        curves[-1].append(point)
    return curves
