"""The self-consistency tests of Song & Ermon (arXiv 1910.06222, section 6.2), as a table.

An estimate ought to fall as more of y is hidden, to stay as it is when y is given a second time as a
function of itself, and to double for two independent copies of the problem. The right-hand columns
are ratios, whose ideal is 1 and 2.

    python benchmarks/self_consistency.py -o benchmarks/records/self-consistency.json
"""

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.io.files import write_json
from ibtrain.mi.benchmark.problems import PROBLEMS
from ibtrain.mi.registry import ESTIMATORS, estimate

Array = NDArray[np.float64]
NEURAL = tuple(name for name, method in ESTIMATORS.items() if method.is_neural)
SHARES = (0.25, 0.5, 0.75, 1.0)


def noisy_digits(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """scikit-learn's digits, and the same with noise of three times the pixels' deviation."""
    images = load_digits().data[:count] / 16
    # the margins are empty in most images, and in some halves of the data in all
    images = images[:, images.std(axis=0) > 0.1]
    return images, images + rng.standard_normal(images.shape)


SOURCES: dict[str, Callable[[int, np.random.Generator], Any]] = {
    "gaussian-20-mi-4": PROBLEMS["gaussian-20-mi-4"].sample,
    "student-3-nu-2": PROBLEMS["student-3-nu-2"].sample,
    "digits with noise": noisy_digits,
}


def consistency(x: Array, y: Array, method: str, seed: int) -> dict[str, Any]:
    """The four masked values, and both ratios."""

    def value(first: Array, second: Array) -> float:
        return estimate(first, second, method, seed=seed).mi

    dims = [max(1, math.ceil(share * y.shape[1])) for share in SHARES]
    masked = [value(x, y[:, :dim]) for dim in dims]
    half, two = len(x) // 2, 2 * (len(x) // 2)
    copies = [np.hstack([side[:half], side[half:two]]) for side in (x, y)]
    whole = value(x[:half], y[:half])
    return {
        "masked": masked,
        "monotone": all(a <= b + 0.02 for a, b in pairwise(masked)),
        "processed": value(x, np.hstack([y, np.tanh(y)])) / masked[-1],
        "copies": value(*copies) / whole,
    }


@click.command()
@click.option("--samples", "count", default=10_000)
@click.option("--seed", default=0)
@click.option("--method", "methods", multiple=True, type=click.Choice(NEURAL), default=NEURAL)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(count: int, seed: int, methods: tuple[str, ...], output: Path) -> None:
    """Prints the table and writes the record."""
    heads = [f"{share:.0%} of y" for share in SHARES]
    click.echo(f"| problem | method | {' | '.join(heads)} | monotone | y and f(y) | two copies |")
    click.echo("|---" * 9 + "|")
    rows = []
    with threads(1):
        for name, sample in SOURCES.items():
            x, y = sample(count, np.random.default_rng(seed))
            for method in methods:
                row = {"problem": name, "method": method, **consistency(x, y, method, seed)}
                rows.append(row)
                values = " | ".join(f"{value:.2f}" for value in row["masked"])
                monotone = "yes" if row["monotone"] else "no"
                click.echo(
                    f"| {name} | {method} | {values} | {monotone} "
                    f"| {row['processed']:.2f} | {row['copies']:.2f} |"
                )
        record = {"environment": environment("cpu", 1), "seed": seed, "rows": rows}
    write_json(output, record)


if __name__ == "__main__":
    main()
