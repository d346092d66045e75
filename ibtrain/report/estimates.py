"""Estimates of mutual information as text."""

from ibtrain.mi.benchmark.validate import KnownAnswer
from ibtrain.mi.result import FLAGS, Estimate

__all__ = ["answer_row", "answers_header", "describe"]

_ROW = "{:<20} {:<22} {:>7} {:>9} {:>7}  {:<7} {:>7}  {}"


def describe(estimate: Estimate, *, normalized: bool = False) -> str:
    """Value and standard error of an estimate, its method and samples, and an explanation of each flag.

    Args:
        estimate: The estimate.
        normalized: Whether the normalised value, from 0 to 1, is included.
    """
    samples = (
        f"{estimate.n_test} held-out samples" if estimate.n_train else f"{estimate.n_test} samples"
    )
    unit, ceiling = estimate.unit, estimate.ceiling
    lines = [
        f"I(x; y{' | z' * estimate.is_conditional}) = {estimate.mi:.3f} ± {estimate.stderr:.3f} {unit}",
        f"  {estimate.method}, {samples}, at most {ceiling:.2f}; {estimate.seconds:.1f} s",
    ]
    if estimate.mi > ceiling and "above_label_entropy" in estimate.flags:
        lines.append(f"  read it as {ceiling:.2f}: the entropy limits the information")
    elif estimate.mi > ceiling:
        lines.append(
            f"  read it as more than {ceiling:.2f}: these samples can't resolve larger values"
        )
    if estimate.read_as:
        lines.append("  " + "; ".join(f"{name}: {how}" for name, how in estimate.read_as.items()))
    if normalized:
        scale = "of the entropy" if estimate.entropy is not None else "as a correlation (Linfoot)"
        lines.append(f"  normalized {estimate.normalized:.3f} {scale}")
    if estimate.secondary:
        secondary = estimate.secondary
        lines.append(f"  H(Y) - cross-entropy = {secondary.mi:.3f} ± {secondary.stderr:.3f} {unit}")
    if estimate.shuffled:
        shuffled = estimate.shuffled
        lines.append(f"  with shuffled y {shuffled.mi:.3f} ± {shuffled.stderr:.3f} {unit}")
    lines += [f"  {flag}: {FLAGS[flag]}" for flag in estimate.flags]
    return "\n".join(lines)


def answers_header() -> str:
    """The column headings of :func:`answer_row`."""
    return _ROW.format("problem", "method", "truth", "estimate", "± SE", "verdict", "seconds", "")


def answer_row(answer: KnownAnswer) -> str:
    """One answer as a line of the table."""
    estimate = answer.estimate
    return _ROW.format(
        answer.problem,
        estimate.method,
        f"{answer.truth:.3f}",
        f"{estimate.mi:.3f}",
        f"{estimate.stderr:.3f}",
        answer.verdict,
        f"{estimate.seconds:.1f}",
        " ".join(estimate.flags),
    ).rstrip()
