"""Tables of the results page that are made from single records."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from page_parts import RECORDS, markdown_table, percent, provenance, ratio

from ibtrain.config import METHODS
from ibtrain.report.comparison import difference_text
from ibtrain.report.style import METHOD_NAMES
from ibtrain.report.table import spread
from ibtrain.report.verdicts import outcome_words
from ibtrain.runs.verdicts import results_verdict

__all__ = ["accuracies", "blocks", "layers", "memorised", "orders", "planes"]

DATA_NAMES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
QUANTITIES = {
    "mi_xt_channel": "I(X;T) exact",
    "mi_ty_channel": "I(T;Y) exact",
    "mi_xt": "I(X;T) mine",
    "mi_ty": "I(T;Y) mine",
    "mi_hy": "I(H;Y) mine",
}
ORDERS = {
    ("sequential", "1e-4"): "layerwise over end_to_end",
    ("simultaneous", "1e-4"): "simultaneous, beta 0.0001: over end_to_end",
    ("simultaneous", "0"): "simultaneous, beta 0: over end_to_end",
    ("joint", "1e-4"): "joint, beta 0.0001: over end_to_end",
    ("joint", "0"): "joint, beta 0: over end_to_end",
}
"""Name in the record of the time of each order and beta."""
FIRST_EPOCHS = {"layerwise": (71, 182, 1206, 8000), "end_to_end": (0, 71, 182, 1206, 8000)}
"""Epochs of the 12-bit problem that are shown; both methods begin with the same weights."""


def accuracies(*names: str) -> str:
    """Test accuracies, times and memory of comparisons: a row for each ``results.json``.

    Args:
        names: File names of the records.
    """
    heading = ["data", *METHOD_NAMES.values(), "difference (95 % interval)", "verdict"]
    heading += [f"{name}, per seed" for name in METHOD_NAMES.values()]
    rows = [[*heading, "training time, ratio", "peak memory"]]
    for name in names:
        record = _read(name)
        found = [[entry["test_accuracy"] for entry in record[method]] for method in METHODS]
        seconds = [[entry["seconds"] for entry in record[method]] for method in METHODS]
        verdict = results_verdict(record)
        judged = [difference_text(verdict.difference), outcome_words(verdict)] if verdict else []
        rows.append(
            [
                DATA_NAMES[record["dataset"]],
                *map(percent, found),
                *(judged or ["-", "-"]),
                *(", ".join(f"{100 * value:.2f}" for value in values) for values in found),
                ratio(*seconds),
                f"{record['peak_memory_mib']:.0f} MiB",
            ]
        )
    return _with_sources(rows, names)


def layers(name: str) -> str:
    """What each layer knows, by method; a star marks values with a flag in at least one seed.

    Args:
        name: File name of a ``results.json``.
    """
    record = _read(name)
    rows = [["method", "layer", "probe %", *QUANTITIES.values(), "std of h"]]
    for method in METHODS:
        for found in zip(*(entry["layers"] for entry in record[method]), strict=True):
            rows.append(
                [
                    METHOD_NAMES[method],
                    found[0]["name"],
                    percent([layer["probe_accuracy"] for layer in found]),
                    *(_estimates([layer[quantity] for layer in found]) for quantity in QUANTITIES),
                    spread([layer["activation_scale"] for layer in found]),
                ]
            )
    return _with_sources(rows, [name])


def orders(name: str) -> str:
    """Times of training orders, relative to backprop.

    Args:
        name: File name of a record of ``training_ratios.py``.
    """
    medians = _read(name)["medians"]
    rows = [["order", "β", "time / backprop"]]
    rows += [[order, beta, f"{medians[key]:.2f}"] for (order, beta), key in ORDERS.items()]
    return _with_sources(rows, [name])


def blocks(name: str) -> str:
    """Test accuracy of each block, and of the average over the blocks up to it.

    Args:
        name: File name of a record of ``block_accuracies.py``.
    """
    found = _read(name)["rows"]
    texts = {"single": "its own readout", "average": "average up to it"}
    rows = [["block", *map(str, range(1, 1 + len(found[0]["single"])))]]
    for key, text in texts.items():
        rows.append(
            [text, *(percent(values) for values in zip(*(row[key] for row in found), strict=True))]
        )
    return _with_sources(rows, [name])


def memorised(name: str) -> str:
    """Accuracies on wrong labels and exact information of the last hidden layer: a row for each run.

    Args:
        name: File name of a record of ``memorisation.py``.
    """
    runs: dict[str, list[dict[str, Any]]] = {}
    for row in _read(name)["rows"]:
        runs.setdefault(row["run"], []).append(row)
    kinds = {
        "wrong_labels": "wrong labels learned %",
        "true_labels_of_the_same": "true label instead %",
        "correct_labels": "correct labels %",
    }
    quantities = {"mi_xt_channel": "I(X;T)", "mi_ty_channel": "I(T;Y)"}
    rows = [["random labels", "run", "test %", *kinds.values(), *quantities.values()]]
    for run, found in sorted(runs.items(), key=lambda item: item[1][0]["label_noise"]):
        hidden = [row["layers"][-2] for row in found]
        rows.append(
            [
                f"{100 * found[0]['label_noise']:.0f} %",
                f"`{run.partition(',')[0]}`",
                percent([row["test_accuracy"] for row in found]),
                *(percent([row["accuracies"][kind] for row in found]) for kind in kinds),
                *(spread([layer[quantity] for layer in hidden]) for quantity in quantities),
            ]
        )
    return _with_sources(rows, [name])


def planes(name: str) -> str:
    """Exact I(X;T) / I(T;Y) of every layer of the 12-bit problem, at some epochs.

    Args:
        name: File name of the points as CSV.
    """
    with (RECORDS / name).open(newline="") as file:
        points = {
            (row["method"], int(row["epoch"]), row["layer"], row["name"]): float(row["value"])
            for row in csv.DictReader(file)
        }
    shown = list(dict.fromkeys(layer for _, _, layer, _ in points))
    heads = dict(zip(shown, ("10 units", "7 units", "5 units", "4 units", "3 units", "output"), strict=True))  # fmt: skip
    rows = [["method", "epoch", *heads.values()]]
    for method in reversed(METHODS):
        for epoch in FIRST_EPOCHS[method]:
            pairs = [
                [points[method, epoch, layer, f"mi_{axis}_channel"] for axis in ("xt", "ty")]
                for layer in shown
            ]
            cells = [f"{x:.2f} / {y:.2f}" for x, y in pairs]
            rows.append([METHOD_NAMES[method], str(epoch), *cells])
    return _with_sources(rows, [name])


def _estimates(found: Sequence[Mapping[str, Any]]) -> str:
    star = "\\*" * any(estimate["flags"] for estimate in found)
    return spread([estimate["mi"] for estimate in found]) + star


def _read(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((RECORDS / name).read_text())
    return record


def _with_sources(rows: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    """A table and where its records come from."""
    sources = []
    for name in names:
        path = RECORDS / name
        record = _read(name) if Path(name).suffix == ".json" else {}
        sources.append(provenance(path, record.get("environment")))
    return "\n\n".join([markdown_table(rows), *sources])
