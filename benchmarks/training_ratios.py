"""Layer-wise training beside backprop, and seeds as one beside a single one, on MNIST, in turns on one core or a GPU.

python benchmarks/training_ratios.py --data-root ../shared/data [--device cuda] [-o RECORD.json]
"""

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ibtrain.backend.device import choose_device, threads
from ibtrain.backend.environment import environment
from ibtrain.config import DEVICES, METHODS, ORDERS, Method, ModelConfig, ObjectiveConfig
from ibtrain.config.recipes import recipe
from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.io.files import write_json
from ibtrain.models.build import build_model
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer

AT_ONCE = {
    f"{order}, beta {beta:g}": ObjectiveConfig(order=order, beta=(beta,))
    for order in ORDERS
    if order != "sequential"
    for beta in (ObjectiveConfig().for_blocks("beta", 1)[0], 0.0)
}
"""Layer-wise training whose blocks train at every batch."""


def seconds(
    data: Dataset, method: Method, seeds: int, epochs: int, objective: ObjectiveConfig | None = None
) -> float:
    """Of training so many seeds as one, by the method's own recipe; evaluation is not in them."""
    optim = replace(recipe(method, data.name), epochs=epochs)
    models = [build_model(ModelConfig(), data, seed) for seed in range(seeds)]
    if method == "end_to_end":
        networks = [EndToEndTrainer(m, optim, seed=s) for s, m in enumerate(models)]
        return sum(fit.seconds for fit in fit_ensemble(networks, data))
    trainers = [LayerwiseTrainer(m, objective, optim, seed=s) for s, m in enumerate(models)]
    return sum(fit.seconds for fit in fit_ensemble(trainers, data))


def turn(data: Dataset, seeds: int, epochs: int) -> dict[str, float]:
    """Seconds of both methods with one seed and with several, and their ratios."""
    row = {
        f"{method} {count}": seconds(data, method, count, epochs)
        for count in sorted({1, seeds})
        for method in METHODS
    }
    row["layerwise over end_to_end"] = row["layerwise 1"] / row["end_to_end 1"]
    for name, objective in AT_ONCE.items():
        row[name] = seconds(data, "layerwise", 1, epochs, objective)
        row[f"{name}: over end_to_end"] = row[name] / row["end_to_end 1"]
    for method in METHODS:
        row[f"{method}: {seeds} over 1"] = row[f"{method} {seeds}"] / row[f"{method} 1"]
    click.echo(told(row))
    return row


def measure(data: Dataset, *, epochs: int, seeds: int, turns: int) -> dict[str, Any]:
    """Times all of them in turns, so that none has the quiet minute."""
    rows = [turn(data, seeds, epochs) for _ in range(turns)]
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return {"epochs": epochs, "turns": rows, "medians": medians}


def told(row: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.2f}" for name, value in row.items())


@click.command()
@click.option("--data-root", required=True)
@click.option("--device", type=click.Choice(DEVICES), default="cpu", show_default=True)
@click.option("--epochs", default=1, show_default=True, help="For each block.")
@click.option("--seeds", default=5, show_default=True, help="That train as one.")
@click.option("--turns", default=7, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(
    data_root: str, device: str, epochs: int, seeds: int, turns: int, output: Path | None
) -> None:
    """Says what layer-wise training costs beside backprop, and several seeds beside one."""
    chosen = choose_device(device)
    with threads(1):
        data = load_dataset("mnist", data_root).to(chosen)
        found = measure(data, epochs=epochs, seeds=seeds, turns=turns)
    click.echo(f"medians: {told(found['medians'])}")
    if output:
        write_json(output, {"environment": environment(str(chosen), 1), **found})


if __name__ == "__main__":
    main()
