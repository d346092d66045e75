"""Estimators against known answers over several seeds, on one core; the record keeps every row.

    python benchmarks/known_answers.py --bmi ../shared/data/bmi -o benchmarks/records/estimators-bmi.json
    python benchmarks/known_answers.py --problem gaussian-20-mi-4 --method mine -o record.json

A problem of this package is drawn anew with each seed; the BMI benchmark's samples are fixed files
(x, y and the true mi), and the seed is the estimator's.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from page_parts import markdown_table

from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.cli.declared import CommaSeparated
from ibtrain.io.files import write_json
from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.registry import ESTIMATORS, estimate

Drawn = tuple[str, float, Any, Any]


def draw(problems: tuple[str, ...], bmi: Path | None, count: int, seed: int) -> Iterator[Drawn]:
    """Name, truth, x and y of every problem."""
    for path in sorted(bmi.glob("*.npz")) if bmi else []:
        with np.load(path, allow_pickle=False) as file:
            yield path.stem, float(file["mi"]), file["x"], file["y"]
    for name in problems:
        yield name, PROBLEMS[name].mi, *PROBLEMS[name].sample(count, np.random.default_rng(seed))


def summary(rows: list[dict[str, Any]]) -> str:
    """A line for each problem and method, means over seeds, and one for each method in all."""
    lines = [
        [
            "problem",
            "method",
            "truth",
            "mean estimate",
            "mean error",
            "worst error",
            "SE",
            "most SE above",
            "flags",
            "s",
        ]
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["problem"], row["method"]].append(row)
        groups["all", row["method"]].append(row)
    for (problem, method), own in sorted(groups.items(), key=lambda item: item[0][0] == "all"):
        errors = [row["mi"] - row["truth"] for row in own]
        above = max(
            e / row["stderr"] if row["stderr"] else 0.0 for e, row in zip(errors, own, strict=True)
        )
        cells = [
            problem,
            method,
            "" if problem == "all" else f"{own[0]['truth']:.3f}",
            "" if problem == "all" else f"{statistics.mean(row['mi'] for row in own):.3f}",
            f"{statistics.mean(map(abs, errors)):.3f}",
            f"{max(errors, key=abs):+.3f}",
            f"{statistics.mean(row['stderr'] for row in own):.3f}",
            f"{above:+.1f}",
            " ".join(sorted({flag for row in own for flag in row["flags"]})),
            f"{statistics.median(row['seconds'] for row in own):.1f} (at most {max(row['seconds'] for row in own):.1f})",
        ]
        lines.append(cells)
    return markdown_table(lines)


@click.command()
@click.option("--problem", "problems", multiple=True, type=click.Choice(tuple(PROBLEMS)))
@click.option("--bmi", type=click.Path(path_type=Path), help="Folder of npz files with x, y, mi.")
@click.option(
    "--method", "methods", multiple=True, type=click.Choice(tuple(ESTIMATORS)), default=["mine"]
)
@click.option("--samples", "count", default=10_000, help="Of this package's problems.")
@click.option("--seeds", type=CommaSeparated(int), default="0,1,2,3,4")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(
    problems: tuple[str, ...],
    bmi: Path | None,
    methods: tuple[str, ...],
    count: int,
    seeds: tuple[int, ...],
    output: Path,
) -> None:
    """Runs every method on every problem with every seed, and writes the record."""
    rows = []
    with threads(1):
        for seed in seeds:
            for name, truth, x, y in draw(problems, bmi, count, seed):
                for method in methods:
                    if np.asarray(y).dtype.kind == "i" and not ESTIMATORS[method].reads_labels:
                        continue
                    found = estimate(x, y, method, seed=seed).to_dict()
                    rows.append({"problem": name, "truth": truth, "seed": seed, **found})
                    click.echo(json.dumps(rows[-1]))
        record = {"environment": environment("cpu", 1), "rows": rows}
    write_json(output, record)
    click.echo(summary(rows))


if __name__ == "__main__":
    main()
