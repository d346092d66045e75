"""Layer-wise training beside backprop, and seeds as one beside a single one, on MNIST, in turns on one core.

python benchmarks/training_ratios.py --data-root ../shared/data [-o RECORD.json]
"""

import statistics
from dataclasses import replace
from pathlib import Path

import click

from ibtrain.config import METHODS, Method, ModelConfig
from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.device import threads
from ibtrain.environment import environment
from ibtrain.files import write_json
from ibtrain.models.build import build_model
from ibtrain.recipes import recipe
from ibtrain.train.endtoend import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer

TRAINERS = {"layerwise": LayerwiseTrainer, "end_to_end": EndToEndTrainer}


def seconds(data: Dataset, method: Method, seeds: int, epochs: int) -> float:
    """Of training so many seeds as one, by the method's own recipe; evaluation is not in them."""
    optim = replace(recipe(method, data.name), epochs=epochs)
    kind = TRAINERS[method]
    trainers = [
        kind(build_model(ModelConfig(), data, seed), optim=optim, seed=seed)
        for seed in range(seeds)
    ]
    return sum(fit.seconds for fit in kind.fit_together(trainers, data))  # type: ignore[arg-type]


@click.command()
@click.option("--data-root", required=True)
@click.option("--epochs", default=1, show_default=True, help="For each block.")
@click.option("--seeds", default=5, show_default=True, help="That train as one.")
@click.option("--turns", default=7, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(data_root: str, epochs: int, seeds: int, turns: int, output: Path | None) -> None:
    """Times all of them in turns, so that none has the quiet minute."""
    data = load_dataset("mnist", data_root)
    rows = []
    with threads(1):
        for _ in range(turns):
            row = {
                f"{method} {count}": seconds(data, method, count, epochs)
                for count in sorted({1, seeds})
                for method in METHODS
            }
            row["layerwise over end_to_end"] = row["layerwise 1"] / row["end_to_end 1"]
            for method in METHODS:
                row[f"{method}: {seeds} over 1"] = row[f"{method} {seeds}"] / row[f"{method} 1"]
            rows.append(row)
            click.echo("  ".join(f"{name} {value:.2f}" for name, value in row.items()))
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    click.echo("medians: " + "  ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    record = {
        "environment": environment("cpu", 1),
        "epochs": epochs,
        "turns": rows,
        "medians": medians,
    }
    if output:
        write_json(output, record)


if __name__ == "__main__":
    main()
