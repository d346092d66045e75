"""Prints the records of ``tune.py`` as the Markdown tables of docs/tuning.md.

python benchmarks/tuning_table.py benchmarks/records/tuning-*.json
"""

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from ibtrain.config import METHODS

Combination = tuple[float, str, int]


def by_combination(rows: list[dict[str, Any]], method: str) -> dict[Combination, list[float]]:
    """Validation accuracies in percent, one a seed, of every combination that a method tried."""
    found: dict[Combination, list[float]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["seed"]):
        if row["method"] == method:
            combination = (row["learning_rate"], row["schedule"], row["batch_size"])
            found[combination].append(100 * row["validation_accuracy"])
    return found


@click.command()
@click.argument("records", nargs=-1, type=click.Path(path_type=Path), required=True)
def main(records: tuple[Path, ...]) -> None:
    """A table a record: a row for each combination, a column for each method, the best in bold."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in records:
        record = json.loads(path.read_text())
        rows[record["dataset"]] += record["rows"]
    for dataset, tried in rows.items():
        found = {method: by_combination(tried, method) for method in METHODS}
        best = {m: max(map(statistics.mean, found[m].values())) for m in METHODS}
        click.echo(f"\n## {dataset}\n")
        click.echo("| learning rate | schedule | batch | layer-wise | end-to-end |")
        click.echo("|---|---|---|---|---|")
        for rate, schedule, batch_size in sorted(found["layerwise"]):
            cells = [f"{rate:g}", schedule, str(batch_size)]
            for method in METHODS:
                values = found[method][rate, schedule, batch_size]
                mean = statistics.mean(values)
                each = ", ".join(f"{value:.2f}" for value in values)
                bold = "**" if mean == best[method] else ""
                cells.append(f"{bold}{mean:.2f}{bold} ({each})")
            click.echo(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
