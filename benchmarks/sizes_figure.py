"""Draws docs/sizes.png: accuracies of both methods against the number of CIFAR-10 images, from the records of their sweeps.

python benchmarks/sizes_figure.py
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from page_parts import RECORDS

from ibtrain.report.learning import learning_figure
from ibtrain.runs.summary import RunSummary

SWEEPS = ("cifar10-1000-information-final", "cifar10-2000", "cifar10-5000", "cifar10-20000")
CELLS = ("backprop", "information")
"""Names of the runs that are shown, one of each method."""
PICTURE = Path(__file__).parents[1] / "docs" / "sizes.png"


def both_methods(record: Mapping[str, Any]) -> RunSummary:
    """The two runs of a record that are shown, as one run of both methods.

    Args:
        record: What ``ibtrain sweep --json`` prints.
    """
    runs = [run for run in record["runs"] if run["name"].partition(",")[0] in CELLS]
    accuracies = {
        method: {
            split: {int(seed): value for seed, value in values.items()}
            for split, values in splits.items()
        }
        for run in runs
        for method, splits in run["accuracies"].items()
    }
    # a sweep of the number of images has it in the settings of each run
    settings = {**record["shared"], **runs[0]["settings"]}
    return RunSummary(f"{settings['train_samples']} images", settings, accuracies)


def main() -> None:
    """Write the picture."""
    places = [RECORDS / "sweeps" / f"{name}.json" for name in SWEEPS]
    runs = [both_methods(json.loads(place.read_text())) for place in places if place.exists()]
    learning_figure(runs, ["train_samples"]).savefig(PICTURE)


if __name__ == "__main__":
    main()
