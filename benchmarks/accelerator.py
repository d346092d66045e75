"""What an accelerator must show: a large critic's step, stacks, seeds as one, and a whole comparison.

python benchmarks/accelerator.py --data-root ../shared/data [--device cuda] [-o RECORD.json]

Every figure is measured twice: with steps as they are written, and with steps that CUDA graphs replay. With
--device cpu --quick it goes through the same code on a machine that has no accelerator, and shows nothing.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import stacked
import torch
import training_ratios

from ibtrain.backend.cuda_graphs import cuda_graphs
from ibtrain.backend.device import choose_device, threads
from ibtrain.backend.environment import environment
from ibtrain.bench.cases import estimator_case
from ibtrain.bench.machine import Machine, measure_machine
from ibtrain.bench.rows import time_cases
from ibtrain.config import DEVICES
from ibtrain.data.load import load_dataset
from ibtrain.io.files import write_json

LARGE = {"batch_size": 8192, "hidden": (1500, 1500)}
SMALL = {"batch_size": 256, "hidden": (64, 64)}
STEPS = 200
"""Of a fit: the first few are taken as written, and one is recorded."""


def share_of_products(machine: Machine, device: torch.device, sizes: dict[str, Any]) -> float:
    """Products a second of a critic's step, of those that the machine was measured to do."""
    case = estimator_case("mine", critic="pair", negatives=1, steps=STEPS, **sizes)
    (row,) = time_cases([case], device)
    return float(row.to_dict(machine)["share_of_flops"])


def seconds_of_comparison(
    data_root: str, device: torch.device, epochs: int, *, use_graphs: bool
) -> float:
    """Seconds of a process that trains three seeds by both methods, with a plane at 20 epochs."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [
                *(str(Path(sys.executable).with_name("ibtrain")), "compare", "--dataset", "mnist"),
                *("--data-root", data_root, "--hidden", "500,256", "--epochs", str(epochs)),
                *("--seeds", "0,1,2", "--plane-points", "20", "--device", device.type),
                *(["--cuda-graphs"] if use_graphs else []),
                *("--run-dir", str(Path(folder) / "run")),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - start


@click.command()
@click.option("--data-root", required=True)
@click.option("--device", type=click.Choice(DEVICES), default="cuda", show_default=True)
@click.option("--quick", is_flag=True, help="Small and few, to see that it runs.")
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(data_root: str, device: str, quick: bool, output: Path | None) -> None:
    """Measures all of it, and keeps the record."""
    chosen = choose_device(device)
    record: dict[str, Any] = {"environment": environment(str(chosen), 1)}
    with threads(1):
        machine = measure_machine(chosen)
        data = load_dataset("mnist", data_root).to(chosen)
        for name, use_graphs in (("as written", False), ("replayed", True)):
            with cuda_graphs(use_graphs):
                share = share_of_products(machine, chosen, SMALL if quick else LARGE)
                click.echo(f"{name}: a critic's step does {share:.0%} of the machine's products")
                ratio = stacked.measure(chosen)
                click.echo(f"{name}: 64 critics as one, {ratio['ratio']:.1f} x as fast")
                seeds = training_ratios.measure(
                    data, epochs=1, seeds=2 if quick else 5, turns=1 if quick else 5
                )
                epochs = 1 if quick else 10
                whole = seconds_of_comparison(data_root, chosen, epochs, use_graphs=use_graphs)
                click.echo(f"{name}: the comparison took {whole:.1f} s")
            record[name] = {
                "share_of_products": share,
                "stacked": ratio,
                "seeds": seeds,
                "comparison_seconds": whole,
            }
    if output:
        write_json(output, {"machine": vars(machine), **record})


if __name__ == "__main__":
    main()
