"""``IBClassifier`` beside scikit-learn's ``MLPClassifier`` on its small data sets: accuracy and log loss by cross-validation.

    python benchmarks/classifiers.py -o benchmarks/records/classifiers.json

Every classifier has its defaults but for what its name says, 100 hidden units and seed 0. Folds are stratified, five of them; of the three smallest data sets
twice five.
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
from page_parts import markdown_table
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ibtrain import IBClassifier
from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.io.files import write_json

DATA = {
    "iris": (load_iris, 2),
    "wine": (load_wine, 2),
    "breast cancer": (load_breast_cancer, 2),
    "digits": (load_digits, 1),
}
"""Data sets, and how often they are divided into five folds."""
CLASSIFIERS: dict[str, Callable[[], ClassifierMixin]] = {
    "`IBClassifier()`": lambda: IBClassifier(random_state=0),
    "`IBClassifier(label_smoothing=0)`": lambda: IBClassifier(label_smoothing=0, random_state=0),
    '`IBClassifier(trainer="end_to_end")`': lambda: IBClassifier(
        trainer="end_to_end", random_state=0
    ),
    "`StandardScaler`, `MLPClassifier()`": lambda: make_pipeline(
        StandardScaler(), MLPClassifier(random_state=0)
    ),
    "`MLPClassifier()` alone": lambda: MLPClassifier(random_state=0),
}


def scores(make: Callable[[], ClassifierMixin], data: str) -> dict[str, list[float]]:
    """Accuracy, and log loss in nats, of each fold."""
    load, repeats = DATA[data]
    x, y = load(return_X_y=True)
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=0)
    found = cross_validate(make(), x, y, cv=folds, scoring=("accuracy", "neg_log_loss"))
    return {
        "accuracy": found["test_accuracy"].tolist(),
        "log_loss": (-found["test_neg_log_loss"]).tolist(),
    }


def tables(rows: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Accuracies in percent, and log losses."""
    accuracies = [["accuracy %", *DATA]]
    losses = [["log loss, nats", *DATA]]
    for name, by_data in rows.items():
        percent = [[100 * value for value in by_data[data]["accuracy"]] for data in DATA]
        accuracies.append([name, *(f"{mean(each):.1f} ± {stdev(each):.1f}" for each in percent)])
        losses.append([name, *(f"{mean(by_data[data]['log_loss']):.3f}" for data in DATA)])
    return f"{markdown_table(accuracies)}\n\n{markdown_table(losses)}"


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(output: Path | None) -> None:
    """Evaluates every classifier on every data set, and prints the tables."""
    # the defaults of MLPClassifier do not converge on all folds
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows: dict[str, Any] = {}
    with threads(1):
        for name, make in CLASSIFIERS.items():
            start = time.perf_counter()
            rows[name] = {data: scores(make, data) for data in DATA}
            click.echo(f"{name}: {time.perf_counter() - start:.0f} s", err=True)
    if output:
        write_json(output, {"environment": environment("cpu", 1), "rows": rows})
    click.echo(tables(rows))


if __name__ == "__main__":
    main()
