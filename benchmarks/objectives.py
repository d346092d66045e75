"""Every objective of a block on few MNIST samples: accuracies, and the time of a step relative to ``dv``.

    python benchmarks/objectives.py --data-root ../shared/data -o RECORD.json

Nothing is chosen by these accuracies: every objective has its default settings and the optimiser's recipe of ``ib``, without
an average of the weights and without smoothed labels. The last block predicts.
"""

import json
import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.cli.declared import CommaSeparated
from ibtrain.config import OBJECTIVES, ModelConfig, ObjectiveConfig
from ibtrain.config.recipes import recipe
from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.io.files import write_json
from ibtrain.models.build import build_model
from ibtrain.train.callbacks import Event
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.results import FitResult

CASES: dict[str, dict[str, Any]] = {
    **{name: {"name": name} for name in OBJECTIVES},
    "ib, beta 0.1": {"name": "ib", "beta": 0.1},
    "squared-ib, beta 0.1": {"name": "squared-ib", "beta": 0.1},
    "dv, same-class 1": {"name": "dv", "same_class": 1.0},
    "dv, similarity 10": {"name": "dv", "similarity": 10.0},
    "cross-entropy, similarity 99": {"name": "cross-entropy", "similarity": 99.0},
    "hsic, beta 0.02": {"name": "hsic", "beta": 0.02},
}
"""Settings of the objective by the name of the case."""
REFERENCE = "dv"
TIMED_EPOCHS = 3


def fit(
    data: Dataset, case: Mapping[str, Any], epochs: int, seed: int
) -> tuple[FitResult, list[float]]:
    """Trains once, and predicts by the last block; returns the result, and the test accuracy of the readout of each block."""
    accuracies: list[float] = []

    def read(event: Event) -> None:
        if event.kind == "end":
            accuracies.append(event.model.accuracy("test", data.test.y))

    # labels that not every objective can smooth are smoothed by none
    optim = replace(
        recipe("layerwise", "mnist"), epochs=epochs, weight_averaging=0.0, label_smoothing=0.0
    )
    objective = ObjectiveConfig(**case, average_scores=False)
    model = build_model(ModelConfig(), data, seed)
    trainer = LayerwiseTrainer(model, objective, optim, seed=seed, callbacks=[read], progress=False)
    return trainer.fit(data), accuracies


def timed(data: Dataset, turns: int) -> list[dict[str, float]]:
    """Seconds of a short training with each objective, in turns, so that none has the quiet minute."""
    return [
        {name: fit(data, case, TIMED_EPOCHS, seed=turn)[0].seconds for name, case in CASES.items()}
        for turn in range(turns)
    ]


@click.command()
@click.option("--data-root", required=True)
@click.option("--train-share", default=0.0833, show_default=True, help="Share of the samples.")
@click.option("--epochs", default=10, show_default=True, help="For each block.")
@click.option("--seeds", type=CommaSeparated(int), default="0,1,2", show_default=True)
@click.option("--turns", default=5, show_default=True, help="Of the timing.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(
    data_root: str,
    train_share: float,
    epochs: int,
    seeds: tuple[int, ...],
    turns: int,
    output: Path,
) -> None:
    """Trains with every objective and every seed, and writes the record."""
    with threads(1):
        data = load_dataset("mnist", data_root, train_share=train_share)
        rows: list[dict[str, Any]] = []
        for seed in seeds:
            for name, case in CASES.items():
                result, blocks = fit(data, case, epochs, seed)
                row = {"case": name, "seed": seed, "accuracy_of_blocks": blocks}
                rows.append({**row, "test_accuracy": result.accuracies["test"]})
                click.echo(json.dumps(rows[-1]))
        seconds = timed(data, turns)
    ratios = {
        name: statistics.median(turn[name] / turn[REFERENCE] for turn in seconds) for name in CASES
    }
    means = {
        name: statistics.mean(row["test_accuracy"] for row in rows if row["case"] == name)
        for name in CASES
    }
    record = {
        "environment": environment("cpu", 1),
        "dataset": "mnist",
        "n_train": len(data.train),
        "epochs": epochs,
        "cases": CASES,
        "mean_test_accuracy": means,
        f"seconds_over_{REFERENCE}": ratios,
        "rows": rows,
        "seconds": seconds,
    }
    write_json(output, record)
    for name in CASES:
        click.echo(f"{name:30} {100 * means[name]:6.2f} %  {ratios[name]:5.2f} times {REFERENCE}")


if __name__ == "__main__":
    main()
