"""How often an estimate's interval covers the truth, for each problem over several draws, on one core.

    python benchmarks/coverage.py --method mine -o benchmarks/records/coverage-mine.json

    python benchmarks/coverage.py --conditional -o benchmarks/records/coverage-conditional.json

The nominal interval of 90 % is the estimate plus and minus 1.645 standard errors, that of 95 % 1.96. A flagged estimate
has said that it is not to be trusted, and is counted apart.
"""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from page_parts import markdown_table

from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.cli.declared import CommaSeparated
from ibtrain.io.files import write_json
from ibtrain.mi.benchmark.conditional import CONDITIONAL_PROBLEMS
from ibtrain.mi.benchmark.validate import ALL_PROBLEMS, estimate_problem
from ibtrain.mi.registry import ESTIMATORS

NOMINAL = {90: 1.645, 95: 1.96}
"""Standard errors on either side of an interval, by its nominal coverage in %."""
COMMON = (
    "independent-3",
    "gaussian-1",
    "gaussian-3",
    "gaussian-5",
    "spiral-3",
    "swiss-roll-2-1",
    "random-signs-10",
    "student-1-nu-1",
    "student-3-nu-2",
    "additive-uniform",
    "additive-uniform-narrow",
    "rounded-1",
    "zero-inflated",
    "gaussian-classes-2",
    "gaussian-classes-8",
    "ten-classes-2",
    "linear-layer",
    "relu-layer",
)
CONDITIONAL_METHODS = ("mine", "ksg", "gaussian")
PROBLEMS_OF_METHOD = {
    "mine": (*COMMON, "gaussian-20-mi-2", "equicorrelated-50"),
    "ksg": (*COMMON, "rounded-coarse-1", "poisson-counts"),
    "gaussian": (
        "independent-3",
        "gaussian-1",
        "gaussian-3",
        "gaussian-5",
        "gaussian-20-mi-2",
        "equicorrelated-50",
    ),
}
"""Twenty problems for each method, no two of which are the same but for an increasing map of coordinates. Nearest
neighbours are for few dimensions, and the closed form for the Gaussian problems."""


def summary(rows: list[dict[str, Any]]) -> str:
    """A line for each method and problem, and one for each method in all."""
    lines = [
        [
            "method",
            "problem",
            "truth",
            "mean error",
            "spread",
            "mean SE",
            "90 % covers",
            "95 % covers",
            "flagged %",
        ]
    ]
    for method in dict.fromkeys(row["method"] for row in rows):
        of_method = [row for row in rows if row["method"] == method]
        for problem in (*dict.fromkeys(row["problem"] for row in of_method), "all"):
            chosen = [row for row in of_method if problem in (row["problem"], "all")]
            errors = np.array([row["mi"] - row["truth"] for row in chosen])
            stderrs = np.array([row["stderr"] for row in chosen])
            flagged = np.array([bool(row["flags"]) for row in chosen])
            covered = [np.abs(errors) <= factor * stderrs for factor in NOMINAL.values()]
            cells = [
                method,
                problem,
                "" if problem == "all" else f"{chosen[0]['truth']:.3f}",
                f"{errors.mean():+.3f}",
                "" if problem == "all" else f"{errors.std(ddof=1):.3f}",
                f"{stderrs.mean():.3f}",
                *(f"{100 * c[~flagged].mean():.0f}" if (~flagged).any() else "-" for c in covered),
                f"{100 * flagged.mean():.0f}",
            ]
            lines.append(cells)
    return markdown_table(lines)


@click.command()
@click.option("--method", "methods", multiple=True, type=click.Choice(tuple(ESTIMATORS)))
@click.option("--problem", "problems", multiple=True, type=click.Choice(tuple(ALL_PROBLEMS)))
@click.option("--conditional", is_flag=True, help="The problems of conditional information.")
@click.option("--samples", "count", default=2000, help="Of each draw.")
@click.option("--seeds", type=CommaSeparated(int), default=",".join(map(str, range(20))))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(
    methods: tuple[str, ...],
    problems: tuple[str, ...],
    conditional: bool,
    count: int,
    seeds: tuple[int, ...],
    output: Path,
) -> None:
    """Estimates every problem with fresh samples for each seed, and writes the record."""
    rows = []
    with threads(1):
        for method in methods or (
            CONDITIONAL_METHODS if conditional else tuple(PROBLEMS_OF_METHOD)
        ):
            of_method = (
                CONDITIONAL_PROBLEMS if conditional else PROBLEMS_OF_METHOD.get(method, COMMON)
            )
            for problem in map(ALL_PROBLEMS.__getitem__, problems or of_method):
                for seed in seeds:
                    samples = problem.sample(count, np.random.default_rng([seed, count]))
                    result = estimate_problem(samples, method, seed=seed)
                    # what is counted whichever the method is estimated once
                    if result is None or (result.method == "plug-in" and method != "ksg"):
                        continue
                    row = {"problem": problem.name, "truth": problem.mi, "seed": seed}
                    rows.append({**row, **result.to_dict()})
                    click.echo(json.dumps(rows[-1]))
        record = {"environment": environment("cpu", 1), "samples": count, "rows": rows}
    write_json(output, record)
    click.echo(summary(rows))


if __name__ == "__main__":
    main()
