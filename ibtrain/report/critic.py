"""How a critic was trained: its value on the samples that it learned from and on those that chose it."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ibtrain.mi.neural import CurvePoint
from ibtrain.mi.result import Estimate
from ibtrain.report.style import PALETTE, new_figure, styled

__all__ = ["critic_figure"]


@styled
def critic_figure(points: Sequence[CurvePoint], found: Estimate) -> Figure:
    """The curve of a fit, the moment that was kept, and the value that was reported.

    Args:
        points: Every checkpoint.
        found: What the kept critic gives on the samples that report.
    """
    figure, axes = new_figure(1, 1, 3.0)
    axis = axes[0, 0]
    steps = [point.step for point in points]
    best = max(points, key=lambda point: point.select)
    axis.plot(steps, [p.train for p in points], color=PALETTE[1], ls="--", label="training split")
    axis.plot(steps, [p.select for p in points], color=PALETTE[0], label="selection split")
    axis.plot(best.step, best.select, "o", color=PALETTE[0], label=f"kept (step {best.step})")
    axis.axhspan(found.mi - found.stderr, found.mi + found.stderr, color="#cccccc", lw=0, zorder=0)
    axis.axhline(
        found.mi, color="black", lw=0.8, label=f"reported: {found.mi:.3f} ± {found.stderr:.3f}"
    )
    axis.set(xlabel="step", ylabel="bound  [nats]")
    axis.set_title(f"{found.method}: {found.n_train} samples fit and select, {found.n_test} report")
    axis.legend(loc="best")
    return figure
