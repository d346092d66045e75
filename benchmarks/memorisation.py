"""What the networks of a sweep over ``label_noise`` have memorised, and the exact information of their layers.

ibtrain sweep benchmarks/plans/mnist-label-noise.toml --data-root ../shared/data --run-dir SWEEP
python benchmarks/memorisation.py SWEEP -o RECORD.json
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from ibtrain.backend.environment import environment
from ibtrain.data.dataset import Split
from ibtrain.io.files import write_json
from ibtrain.runs import RunFolder
from ibtrain.runs.setup import load_data

__all__ = ["memorised"]

QUANTITIES = ("mi_xt_channel", "mi_ty_channel")


def memorised(folder: RunFolder) -> Iterator[dict[str, Any]]:
    """Accuracies of each network of a run: on wrong labels, on the true labels of the same samples, and on correct labels.

    Args:
        folder: The run, whose training labels have noise.
    """
    config = folder.config()
    cpu = torch.device("cpu")
    train, true = (load_data(c, cpu).train for c in (config, replace(config, label_noise=0.0)))
    is_wrong = train.y != true.y
    splits = {
        "wrong_labels": Split(train.x[is_wrong], train.y[is_wrong]),
        "true_labels_of_the_same": Split(train.x[is_wrong], true.y[is_wrong]),
        "correct_labels": Split(train.x[~is_wrong], train.y[~is_wrong]),
    }
    for method in config.methods:
        for entry in folder.results()[method]:
            network = folder.network(entry["seed"], method)
            yield {
                "run": folder.path.name,
                "method": method,
                "seed": entry["seed"],
                "label_noise": config.label_noise,
                "test_accuracy": entry["test_accuracy"],
                "accuracies": {name: network.score(split) for name, split in splits.items()},
                "layers": [
                    {
                        "name": layer["name"],
                        **{name: layer[name]["mi"] for name in QUANTITIES if name in layer},
                    }
                    for layer in entry["layers"]
                ],
            }


@click.command()
@click.argument("sweep", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(sweep: Path, output: Path) -> None:
    """Read the networks of all runs in SWEEP, and write the record."""
    folders = [RunFolder.open(path.parent) for path in sorted(sweep.glob("*/results.json"))]
    if not folders:
        raise click.ClickException(f"{sweep}: no finished runs")
    rows = [row for folder in folders for row in memorised(folder)]
    write_json(output, {"environment": environment("cpu", 1), "rows": rows})


if __name__ == "__main__":
    main()
