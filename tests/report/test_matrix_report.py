"""A matrix as text and as a picture."""

from pathlib import Path

import numpy as np
import pandas as pd

from ibtrain.mi.matrix import MIMatrix, mi_matrix
from ibtrain.mi.result import Estimate
from ibtrain.report.matrix import matrix_figure, matrix_table
from ibtrain.report.style import save_figure

MATRIX = MIMatrix(
    ("a", "b", "gap", "kind", "again"),
    {
        ("a", "b"): Estimate(9.0, 0.1, "ksg", 6.5, ("above_ceiling",)),
        ("a", "kind"): Estimate(0.25, 0.01, "ksg", 0.69, ("serial",)),
        ("b", "again"): Estimate(5.0, 0.1, "ksg", 6.5, ("deterministic",)),
        ("b", "kind"): Estimate(0.5, 0.01, "ksg", 0.69),
        ("kind", "kind"): Estimate(0.69, 0.01, "entropy", 0.69),
    },
    {("gap", "gap"): "gap: a value is missing", ("a", "gap"): "gap: a value is missing"},
    "ksg",
)


def test_each_cell_has_its_value_and_its_marks() -> None:
    lines = matrix_table(MATRIX).splitlines()
    assert lines[0] == "mutual information, ksg, in nats; diagonal: entropy of classes"
    assert lines[2].split() == ["a", "b", "gap", "kind", "again"]
    assert lines[4].split() == ["a", ">6.500*", "!", "0.250*"]
    assert lines[5].split() == ["b", ">6.500*", "0.500", "inf*"]
    assert lines[7].split() == ["kind", "0.250*", "0.500", "0.690"]


def test_flags_and_errors_are_explained_once() -> None:
    text = " ".join(matrix_table(MATRIX).split())
    assert text.count("! gap: a value is missing") == 1
    assert "* serial (a - kind): rows depend on earlier rows" in text
    assert "if rows were sorted by a column, shuffle them" in text
    assert "* above_ceiling (a - b): " in text


def test_many_pairs_with_a_flag_are_counted() -> None:
    names = [*"abcd"]
    pairs = [(x, y) for i, x in enumerate(names) for y in names[i + 1 :]]
    cells = {pair: Estimate(0.25, 0.01, "ksg", 6.5, ("serial",)) for pair in pairs}
    assert "* serial (a - b, a - c, a - d, b - c, b - d, c - d): rows" in " ".join(
        matrix_table(MIMatrix((*names,), cells, {}, "ksg")).split()
    )
    cells["a", "e"] = cells["a", "b"]
    cells["e", "e"] = Estimate(0.25, 0.01, "entropy", 0.5, ("serial", "undersampled"))
    text = " ".join(matrix_table(MIMatrix((*names, "e"), cells, {}, "ksg")).split())
    assert "* serial (e, 7 of 10 pairs): rows depend" in text
    assert "* undersampled (e): " in text


def test_a_wide_table_is_split() -> None:
    names = [f"column number {index}" for index in range(12)]
    table = pd.DataFrame(np.random.default_rng(0).standard_normal((100, 12)), columns=names)
    text = matrix_table(mi_matrix(table, "gaussian"), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert all(text.count(name) >= 2 for name in names)


def test_the_picture_has_all_columns(tmp_path: Path) -> None:
    figure = matrix_figure(MATRIX)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [*MATRIX.columns]
    drawn = axis.images[0].get_array()
    assert np.isnan(np.ma.filled(drawn.astype(float), np.nan).diagonal()).all()
    assert drawn[3, 1] == drawn[1, 3] == 0.5
    save_figure(figure, tmp_path / "matrix.png")
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")
