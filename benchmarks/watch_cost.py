"""What watching adds to a plain training loop on MNIST, measured after every epoch.

    python benchmarks/watch_cost.py --data-root ../shared/data -o benchmarks/records/watch-cost.json

The loop is that of PyTorch's first tutorial: a DataLoader with batches of 64, a 784-500-256-10 network, Adam.
"""

import time
from pathlib import Path

import click
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ibtrain import InformationPlane, PlaneConfig, load_dataset
from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.io.files import write_json

MEASURES = ("binned", "channel", "pairwise")
LAYERS = ("2", "4", "5")
"""Both activations, and the output."""


@click.command()
@click.option("--data-root", type=click.Path(path_type=Path), required=True)
@click.option("--epochs", default=20, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(data_root: Path, epochs: int, output: Path | None) -> None:
    """Time a training, and the plane after each of its epochs, in CPU seconds of one thread."""
    data = load_dataset("mnist", data_root)
    torch.manual_seed(0)
    widths = (nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 256), nn.ReLU(), nn.Linear(256, 10))
    model = nn.Sequential(nn.Flatten(), *widths)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(data.train.x, data.train.y), batch_size=64, shuffle=True)
    config = PlaneConfig(samples=4000)
    planes = {
        " and ".join(names): InformationPlane.watch(model, data, LAYERS, names, config=config)
        for names in (MEASURES, *((name,) for name in MEASURES))
    }
    training, watching = 0.0, dict.fromkeys(planes, 0.0)
    with threads(1):
        for epoch in range(1, epochs + 1):
            start = time.process_time()
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimizer.step()
            training += time.process_time() - start
            for name, plane in planes.items():
                start = time.process_time()
                plane.measure(epoch)
                watching[name] += time.process_time() - start
    ratios = {name: seconds / training for name, seconds in watching.items()}
    click.echo(f"training: {training / epochs:.2f} CPU seconds an epoch")
    for name, ratio in ratios.items():
        click.echo(f"{name}: {ratio:.2f} times the training")
    if output:
        document = {"environment": environment("cpu", 1), "training": training, "ratios": ratios}
        write_json(output, document, indent=2)


if __name__ == "__main__":
    main()
