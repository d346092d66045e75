"""Tables from the command line."""

from pathlib import Path

import numpy as np
import pandas as pd
from commands import run

from ibtrain import load_run

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(80, 3)), columns=["a", "b", "c"]).assign(
    kind=np.array(["cat", "dog"])[np.arange(80) % 2]
)
QUICK = ["--seeds", "0", "--plane-points", "0", "--hidden", "8", "--epochs", "1"]


def test_a_table_is_trained_on_and_its_network_predicts_names(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    FRAME.to_csv(path, index=False)
    folder = tmp_path / "run"
    words = ["--dataset", f"csv:{path}", "--target", "kind", *QUICK, "--run-dir", folder]
    result = run("train", "end-to-end", *words)
    assert result.exit_code == 0
    told = "64 training and 16 test samples of 3 values, 2 classes; each column standardised; cpu"
    assert told in result.stderr
    network = load_run(folder).network()
    assert set(network.predict(FRAME)) <= {"cat", "dog"}
    results = load_run(folder).results()
    accuracies = results["end_to_end"][0]
    expected = (64 * accuracies["train_accuracy"] + 16 * accuracies["test_accuracy"]) / 80
    assert round(network.score(FRAME, FRAME.kind), 6) == round(expected, 6)


def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    FRAME.to_csv(path, index=False)
    for words, told in (
        (
            [],
            "got columns a, b, c, kind, expected one column called y, target, label, class, or --t",
        ),
        (["--target", "sort"], "target: got 'sort', expected one of the columns a, b, c, kind"),
    ):
        result = run("compare", "--dataset", path, *words, *QUICK, "--run-dir", tmp_path / "run")
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert told in result.stderr
        assert not (tmp_path / "run").exists()


def test_images_say_how_they_are_scaled(tmp_path: Path) -> None:
    result = run("train", "end-to-end", *QUICK, "--run-dir", tmp_path / "run")
    assert "64 values, 10 classes; each channel standardised; cpu" in result.stderr
