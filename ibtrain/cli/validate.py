"""``ibtrain validate``."""

from pathlib import Path

import click

from ibtrain.checks import check_choice, check_integer
from ibtrain.cli.streams import echo, say
from ibtrain.io.documents import json_text

__all__ = ["command"]

DEFAULT_METHODS = ("mine", "infonce", "ksg", "binning", "gaussian")
MAX_SAMPLES = 10_000_000
QUICK_METHODS = ("mine", "ksg", "gaussian")
QUICK_PROBLEMS = (
    "independent-3",
    "gaussian-1",
    "cubed-20-mi-4",
    "student-3-nu-2",
    "gaussian-classes-8",
    "relu-layer",
)


@click.command("validate")
@click.option(
    "--quick", is_flag=True, help="A few problems with fewer samples, in less than a minute."
)
@click.option("--method", "methods", multiple=True, metavar="NAME", help="Only these methods.")
@click.option("--problem", "problems", multiple=True, metavar="NAME", help="Only these problems.")
@click.option(
    "-n", "--samples", "count", type=int, help="Samples per problem.  [10000; quick 3000]"
)
@click.option("--seed", default=0, show_default=True, help="Random seed of samples and estimators.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the estimates against the true values (png, svg or pdf).",
)
@click.option("--json", "as_json", is_flag=True, help="Print every answer as JSON.")
def command(
    quick: bool,
    methods: tuple[str, ...],
    problems: tuple[str, ...],
    count: int | None,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Check the estimators on problems with known mutual information.

    An estimate agrees if it is within 3 standard errors of the truth; it is too uncertain to tell if these are so large that
    an estimate of zero would agree too, or one of half a nat where the truth is zero.
    """
    from ibtrain.backend.device import threads
    from ibtrain.mi.benchmark.validate import ALL_PROBLEMS, validate
    from ibtrain.mi.registry import ESTIMATORS
    from ibtrain.report.estimates import answer_row, answers_header

    if output:
        from ibtrain.report.style import check_picture

        check_picture(output, "--output")
    for name in methods:
        check_choice("--method", name, tuple(ESTIMATORS))
    for name in problems:
        check_choice("--problem", name, tuple(ALL_PROBLEMS))
    methods = methods or (QUICK_METHODS if quick else DEFAULT_METHODS)
    problems = problems or (QUICK_PROBLEMS if quick else tuple(ALL_PROBLEMS))
    count = count if count is not None else (3_000 if quick else 10_000)
    check_integer("--samples", count, 100, MAX_SAMPLES)
    check_integer("--seed", seed, 0)
    options = {"steps": 400} if quick else {}
    answers = []
    show = say if as_json else echo
    show(answers_header())
    with threads(1):
        for answer in validate(problems, methods, count=count, seed=seed, **options):
            answers.append(answer)
            show(answer_row(answer))
    if output:
        from ibtrain.report.answers import answers_figure
        from ibtrain.report.style import save_figure

        save_figure(answers_figure(answers), output)
    if as_json:
        document = {"samples": count, "seed": seed, "answers": [a.to_dict() for a in answers]}
        echo(json_text(document, "answers"))
