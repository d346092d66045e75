"""Estimates of mutual information as text."""

import math
import textwrap

from ibtrain.mi.benchmark.validate import KnownAnswer
from ibtrain.mi.permutation import PermutationTest
from ibtrain.mi.result import FLAGS, Estimate
from ibtrain.text import printable

__all__ = ["answer_row", "answers_header", "describe"]

LINE_LENGTH = 80
"""Maximum number of characters in a line."""
_ROW = "{:<23} {:<22} {:>6} {:>8} {:>6} {:>7}  {:<7}  {}"


def describe(
    estimate: Estimate, *, x: str = "x", y: str = "y", z: str = "z", normalized: bool = False
) -> str:
    """What was estimated, from which samples and how, with an explanation of each flag, in lines of 80 characters.

    Args:
        estimate: The estimate.
        x: Name of x.
        y: Name of y.
        z: Name of the condition, if there is one.
        normalized: Whether the normalised value, from 0 to 1, is included.
    """
    unit = estimate.unit
    lines = [_headline(estimate, f"I({x}; {y}{f' | {z}' if estimate.is_conditional else ''})")]
    lines += [f"{name}: {how}" for name, how in (estimate.read_as or {}).items()]
    lines.append(_samples(estimate))
    if math.isfinite(estimate.ceiling):
        lines.append(_limit(estimate))
    if normalized:
        scale = "of the entropy" if estimate.entropy is not None else "as a correlation (Linfoot)"
        lines.append(f"normalized {estimate.normalized:.3f} {scale}")
    if estimate.secondary:
        secondary = estimate.secondary
        lines.append(f"H(Y) - cross-entropy = {secondary.mi:.3f} ± {secondary.stderr:.3f} {unit}")
    if estimate.permutation:
        lines.append(_permutation(estimate.permutation, unit))
    origin = [f"{estimate.seconds:.1f} s"]
    if estimate.seed is not None:
        origin = [f"seed {estimate.seed}", f"ibtrain {estimate.version}", *origin]
    lines.append(", ".join(origin))
    lines += [f"{flag}: {FLAGS[flag]}" for flag in estimate.flags]
    wrapped = (
        textwrap.fill(
            printable(line),
            LINE_LENGTH,
            initial_indent="  " * (index > 0),
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
        for index, line in enumerate(lines)
    )
    return "\n".join(wrapped)


def _headline(estimate: Estimate, name: str) -> str:
    low, high = estimate.interval
    unit, value = estimate.unit, f"{estimate.mi:.3f} ± {estimate.stderr:.3f}"
    returned = f"(the method returned {value} {unit})"
    if "deterministic" in estimate.flags:
        return f"{name} is infinite: one side is a function of the other {returned}"
    if estimate.is_saturated:
        why = "these samples can't resolve larger values"
        return f"{name} is at least {low:.3f} {unit}: {why} {returned}"
    if estimate.mi > estimate.ceiling:
        return f"{name} = {estimate.ceiling:.3f} {unit}: all of the entropy {returned}"
    return f"{name} = {value} {unit}, 95 % interval {low:.3f} to {high:.3f}"


def _samples(estimate: Estimate) -> str:
    """Which samples did what."""
    method, count = estimate.method, estimate.n_test
    if not estimate.critics:
        return f"{method}: {count:,} samples"
    if estimate.critics > 1:
        return (
            f"{method}: {estimate.critics} critics, each trained on {estimate.n_train:,} samples and selected on "
            f"{estimate.n_select:,}; each of {count:,} samples reported once, to a critic that had not seen it"
        )
    text = (
        f"{method}: {estimate.n_train:,} samples trained a critic, {estimate.n_select:,} others chose its "
        f"checkpoint, {count:,} others reported"
    )
    if estimate.n_control:
        text += f"; its closed form reported on all {estimate.n_control:,} (control variate)"
    return text


def _limit(estimate: Estimate) -> str:
    ceiling, unit = estimate.ceiling, estimate.unit
    if estimate.entropy is not None and math.isclose(ceiling, estimate.entropy):
        return f"limit: {ceiling:.3f} {unit}, the entropy of the label"
    if estimate.method == "gaussian":
        return f"limit: {ceiling:.3f} {unit}, the accuracy of float64"
    return f"limit: these samples resolve values up to {ceiling:.3f} {unit}"


def _permutation(test: PermutationTest, unit: str) -> str:
    error = f" ± {test.std / math.sqrt(test.count):.4f}" if test.count > 1 else ""
    return (
        f"permutation test: p = {test.p_value:.3g} ({test.count:,} shuffle{'s' * (test.count != 1)} of y, whose true value is 0: "
        f"mean {test.mean:.4f}{error} {unit}, the bias)"
    )


def answers_header() -> str:
    """The column headings of :func:`answer_row`."""
    return _ROW.format(
        "problem", "method", "truth", "estimate", "± SE", "seconds", "verdict", ""
    ).rstrip()


def answer_row(answer: KnownAnswer) -> str:
    """One answer as a line of the table."""
    estimate = answer.estimate
    return _ROW.format(
        answer.problem,
        estimate.method,
        f"{answer.truth:.3f}",
        f"{estimate.mi:.3f}",
        f"{estimate.stderr:.3f}",
        f"{estimate.seconds:.1f}",
        answer.verdict,
        " ".join(estimate.flags),
    ).rstrip()
