"""Each method's optimiser settings, chosen on a validation split with the same budget.

Every combination of learning rate, schedule and batch size trains the same network with either
method; the mean validation accuracy over seeds decides. The test split is never looked at.

    python benchmarks/tune.py mnist --data-root ../shared/data --seeds 0,1 -o record.json
"""

import itertools
import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ibtrain.backend.device import choose_threads, threads
from ibtrain.backend.environment import environment
from ibtrain.cli.declared import CommaSeparated
from ibtrain.config import METHODS, Method, ModelConfig, ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.io.files import write_json
from ibtrain.models.build import build_model
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer

LEARNING_RATES = (1e-3, 2e-3, 3e-3)
SCHEDULES = ("constant", "cosine")


def train(
    method: Method, data: Dataset, objective: ObjectiveConfig, optim: OptimConfig, seed: int
) -> dict[str, Any]:
    """Trains once; returns its validation accuracy and time."""
    model = build_model(ModelConfig(), data, seed)
    trainer = (
        LayerwiseTrainer(model, objective, optim, seed=seed)
        if method == "layerwise"
        else EndToEndTrainer(model, optim, seed=seed)
    )
    fit = trainer.fit(data)
    return {"validation_accuracy": fit.accuracies["validation"], "seconds": fit.seconds}


@click.command()
@click.argument("dataset")
@click.option("--data-root", type=click.Path(path_type=Path))
@click.option("--epochs", default=10)
@click.option("--batch-sizes", type=CommaSeparated(int), default="128,512")
@click.option("--seeds", type=CommaSeparated(int), default="0,1")
@click.option("--share", default=1 / 6, help="Share of the training split held out.")
@click.option(
    "--combination",
    "combinations",
    multiple=True,
    metavar="RATE:SCHEDULE:BATCH",
    help="Only these, such as 1e-3:cosine:128.",
)
@click.option("--method", "methods", type=click.Choice(METHODS), multiple=True, default=METHODS)
@click.option("--beta", type=float, help="Of layer-wise training.  [its default]")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(
    dataset: str,
    data_root: Path | None,
    epochs: int,
    batch_sizes: tuple[int, ...],
    seeds: tuple[int, ...],
    share: float,
    combinations: tuple[str, ...],
    methods: tuple[Method, ...],
    beta: float | None,
    output: Path,
) -> None:
    """Tries every combination with every seed, and writes the record."""
    data = load_dataset(dataset, data_root, validation=share)
    # the settings of the records: each block's own scores, and no regularisers
    objective = ObjectiveConfig(average_scores=False)
    if beta is not None:
        objective = replace(objective, beta=(beta,))
    count = choose_threads(1, 1)
    where = environment("cpu", count)
    rows = []
    chosen = [combination.split(":") for combination in combinations]
    tried = [(float(rate), schedule, int(size)) for rate, schedule, size in chosen]
    tried = tried or list(itertools.product(LEARNING_RATES, SCHEDULES, batch_sizes))
    with threads(count):
        for seed, combination, method in itertools.product(seeds, tried, methods):
            optim = OptimConfig(*combination, epochs, label_smoothing=0.0, weight_averaging=0.0)
            row = {"method": method, "seed": seed, **vars(optim)}
            rows.append({**row, **train(method, data, objective, optim, seed)})
            click.echo(json.dumps(rows[-1]))
    record = {
        "dataset": dataset,
        "validation_share": share,
        "n_train": len(data.train),
        "beta": objective.beta,
        "environment": where,
        "best": {method: best(rows, method) for method in methods},
        "rows": rows,
    }
    write_json(output, record)
    click.echo(json.dumps(record["best"], indent=1))


def best(rows: list[dict[str, Any]], method: Method) -> dict[str, Any]:
    """The combination with the highest mean validation accuracy."""
    keys = ("learning_rate", "schedule", "batch_size")
    found: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        if row["method"] == method:
            found.setdefault(tuple(row[key] for key in keys), []).append(row["validation_accuracy"])
    winner = max(found, key=lambda combination: statistics.mean(found[combination]))
    chosen = dict(zip(keys, winner, strict=True))
    return {**chosen, "validation_accuracy": statistics.mean(found[winner])}


if __name__ == "__main__":
    main()
