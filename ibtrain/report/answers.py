"""Picture of estimates against the true values."""

from collections.abc import Sequence

from ibtrain.mi.benchmark.validate import KnownAnswer
from ibtrain.report.mpl import Figure
from ibtrain.report.style import MARKERS, PALETTE, new_figure, styled

__all__ = ["answers_figure"]


@styled
def answers_figure(answers: Sequence[KnownAnswer]) -> Figure:
    """Draws estimates against true values, with a marker for each method; bars are 3 standard errors.

    The left panel shows the estimates, the right one their errors. Estimates with flags have open markers.
    """
    figure, axes = new_figure(1, 2, 3.4)
    values, errors = axes[0]
    methods = list(dict.fromkeys(answer.estimate.method for answer in answers))
    for index, method in enumerate(methods):
        colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
        label: str | None = method
        for answer in (a for a in answers if a.estimate.method == method):
            estimate = answer.estimate
            for axis, height in ((values, estimate.mi), (errors, estimate.mi - answer.truth)):
                axis.errorbar(
                    answer.truth,
                    height,
                    3 * estimate.stderr,
                    fmt=marker,
                    ms=4,
                    lw=0.8,
                    color=colour,
                    mfc="white" if estimate.flags else colour,
                    label=label if axis is values else None,
                )
            label = None
    top = max(answer.truth for answer in answers)
    values.plot([0, top], [0, top], color="black", lw=0.8, zorder=0)
    errors.axhline(0, color="black", lw=0.8, zorder=0)
    values.set(xlabel="true I(X; Y)  [nats]", ylabel="estimate  [nats]")
    errors.set(xlabel="true I(X; Y)  [nats]", ylabel="estimate - truth  [nats]")
    values.set_title("Estimate against truth")
    errors.set_title("Error (bars: 3 standard errors)")
    figure.legend(*values.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure
