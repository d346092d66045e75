"""Estimates beside known answers, as a picture."""

from collections.abc import Sequence

from ibtrain.mi.benchmark.validate import KnownAnswer
from ibtrain.report.mpl import Figure
from ibtrain.report.style import MARKERS, PALETTE, new_figure, styled

__all__ = ["answers_figure"]


@styled
def answers_figure(answers: Sequence[KnownAnswer]) -> Figure:
    """Estimate against truth, a marker for each method; bars are 3 standard errors.

    On the left the values themselves, on the right their errors. Open markers are flagged.
    """
    figure, axes = new_figure(1, 2, 3.4)
    values, errors = axes[0]
    methods = list(dict.fromkeys(answer.estimate.method for answer in answers))
    for index, method in enumerate(methods):
        colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
        label: str | None = method
        for answer in (a for a in answers if a.estimate.method == method):
            found = answer.estimate
            for axis, height in ((values, found.mi), (errors, found.mi - answer.truth)):
                axis.errorbar(
                    answer.truth,
                    height,
                    3 * found.stderr,
                    fmt=marker,
                    ms=4,
                    lw=0.8,
                    color=colour,
                    mfc="white" if found.flags else colour,
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
