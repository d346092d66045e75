"""Test accuracy of each block's own readout, and of the average over all blocks up to it, of runs with ``average_scores``.

python benchmarks/block_accuracies.py RUN [RUN ...] -o RECORD.json
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import torch

from ibtrain.backend.environment import environment
from ibtrain.data.dataset import Split
from ibtrain.io.files import write_json
from ibtrain.models.blocks import block_outputs
from ibtrain.runs import RunFolder
from ibtrain.runs.setup import load_data
from ibtrain.train.callbacks import apply_in_chunks
from ibtrain.train.network import TrainedNetwork
from ibtrain.train.scores import AveragedReadout

__all__ = ["block_accuracies", "rows_of"]


@torch.no_grad()
def block_accuracies(network: TrainedNetwork, test: Split) -> dict[str, list[float]]:
    """Accuracies of a network's blocks, from the first to the last.

    Args:
        network: A network whose blocks' scores are averaged.
        test: Scaled samples.
    """
    readout = network.readout
    assert isinstance(readout, AveragedReadout)

    def scores(x: torch.Tensor) -> torch.Tensor:
        return readout.of_each(list(block_outputs(network.network, x).values())).transpose(0, 1)

    logs = apply_in_chunks(scores, test.x)
    single, average = (
        (each.argmax(2) == test.y[:, None]).float().mean(0).tolist()
        for each in (logs, logs.cumsum(1))
    )
    return {"single": single, "average": average}


def rows_of(folder: RunFolder) -> Iterator[dict[str, Any]]:
    """A row for each network of a run.

    Args:
        folder: The run.
    """
    config = folder.config()
    test = load_data(config, torch.device("cpu")).test
    for method in config.methods:
        for seed in config.seeds:
            network = folder.network(seed, method)
            if isinstance(network.readout, AveragedReadout):
                yield {
                    "run": folder.path.name,
                    "seed": seed,
                    **block_accuracies(network, test),
                }


@click.command()
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(runs: tuple[Path, ...], output: Path) -> None:
    """Read the networks of RUNS, and write the record."""
    rows = [row for path in runs for row in rows_of(RunFolder.open(path))]
    write_json(output, {"environment": environment("cpu", 1), "rows": rows})


if __name__ == "__main__":
    main()
