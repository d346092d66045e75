"""Steps a second of every peer, in turns on one core, and what they are to one another.

python benchmarks/peers/compare.py VENV_OF_TORCH_MIST [-o RECORD.json]
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import click

from ibtrain.backend.environment import environment
from ibtrain.io.files import write_json

ROUNDS = 7
HERE = Path(__file__).parent


def steps_per_second(python: Path, script: str) -> float:
    """Of one process of its own, by the processor's time: neighbours take turns, not time."""
    done = subprocess.run(
        [python, script],
        cwd=HERE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    rates: list[float] = json.loads(done.stdout)["steps_per_second"]
    return statistics.median(rates)


@click.command()
@click.argument("venv", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(venv: Path, output: Path | None) -> None:
    """Times the peers in turns, so that none has the quiet minute."""
    here = Path(sys.executable)
    scripts = {
        "torch-mist": (venv / "bin/python", "torch_mist_steps.py"),
        "plain loop": (here, "plain_loop.py"),
        "ibtrain": (here, "ibtrain_steps.py"),
    }
    rates: dict[str, list[float]] = {peer: [] for peer in scripts}
    for _ in range(ROUNDS):
        for peer, (python, script) in scripts.items():
            rates[peer].append(steps_per_second(python, script))
        click.echo("  ".join(f"{peer} {own[-1]:.0f}" for peer, own in rates.items()))
    ratios = {
        peer: statistics.median(a / b for a, b in zip(rates["ibtrain"], own, strict=True))
        for peer, own in rates.items()
    }
    click.echo("\n".join(f"ibtrain is {ratio:.2f} x {peer}" for peer, ratio in ratios.items()))
    record = {"environment": environment("cpu", 1), "steps_per_second": rates, "ratios": ratios}
    if output:
        write_json(output, record)


main()
