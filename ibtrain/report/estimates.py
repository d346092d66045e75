"""Estimates of mutual information as text, and beside known answers as a picture."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from ibtrain.mi.result import FLAGS, Estimate
from ibtrain.mi.validation import KnownAnswer
from ibtrain.report.style import MARKERS, PALETTE, new_figure, styled

__all__ = ["answer_row", "answers_figure", "answers_header", "describe"]

_ROW = "{:<20} {:<22} {:>7} {:>9} {:>7}  {:<7} {:>7}  {}"


def describe(estimate: Estimate) -> str:
    """The value with its error, where it comes from, and every flag in words."""
    samples = (
        f"{estimate.n_test} held-out samples" if estimate.n_train else f"{estimate.n_test} samples"
    )
    lines = [
        f"I(x; y) = {estimate.mi:.3f} ± {estimate.stderr:.3f} nats",
        f"  {estimate.method}, {samples}, at most {estimate.ceiling:.2f}; {estimate.seconds:.1f} s",
    ]
    if estimate.beside:
        beside = estimate.beside
        lines.append(f"  H(Y) - cross-entropy = {beside.mi:.3f} ± {beside.stderr:.3f} nats")
    lines += [f"  {flag}: {FLAGS[flag]}" for flag in estimate.flags]
    return "\n".join(lines)


def answers_header() -> str:
    """The column heads of :func:`answer_row`."""
    return _ROW.format("problem", "method", "truth", "estimate", "± SE", "verdict", "seconds", "")


def answer_row(answer: KnownAnswer) -> str:
    """One answer as a line of the table."""
    found = answer.estimate
    return _ROW.format(
        answer.problem,
        found.method,
        f"{answer.truth:.3f}",
        f"{found.mi:.3f}",
        f"{found.stderr:.3f}",
        answer.verdict,
        f"{found.seconds:.1f}",
        " ".join(found.flags),
    ).rstrip()


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
