"""``ibtrain estimate`` of tables: columns, several pairs, all pairs, permutations and sources."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ibtrain.cli.main import cli

GAUSSIAN = ["--method", "gaussian"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    a, b, c = np.random.default_rng(0).standard_normal((3, 300))
    columns = {"a": a, "sum": a + b, "c": c, "kind": np.where(a > 0, "plus", "minus")}
    pd.DataFrame(columns | {"gap": np.where(a > 2, np.nan, a)}).to_csv(
        tmp_path / "data.csv", index=False
    )
    return tmp_path / "data.csv"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def documents(*arguments: object) -> list[dict]:
    result = run("estimate", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    return document.get("estimates", [document])


def test_columns_are_chosen_by_name(table: Path) -> None:
    (both,) = documents(table, "--x", "a,c", "--y", "sum", *GAUSSIAN)
    assert both["read_as"]["x"] == "shape (300, 2), 2 continuous dimensions"
    (sliced,) = documents(table, "--x", "0:3", "--y", "kind", "--method", "ksg")
    assert sliced["read_as"] == {
        "x": "shape (300, 3), 3 continuous dimensions",
        "y": "shape (300,), a label with 2 classes",
    }


def test_parquet_gives_the_same(table: Path) -> None:
    pytest.importorskip("pyarrow")
    pd.read_csv(table).to_parquet(table.with_suffix(".parquet"))
    arguments = ["--x", "a", "--y", "kind", "--method", "ksg"]
    expected, found = (
        documents(path, *arguments)[0] | {"seconds": 0}
        for path in (table, table.with_suffix(".parquet"))
    )
    assert found == expected


def test_further_pairs_repeat_the_options(table: Path) -> None:
    several = documents(table, "--x", "a", "--y", "sum", "--x", "a,c", "--y", "c", *GAUSSIAN)
    assert [(each["x"], each["y"]) for each in several] == [("a", "sum"), ("a,c", "c")]
    alone = documents(table, "--x", "a", "--y", "sum", *GAUSSIAN)[0]
    assert several[0]["mi"] == alone["mi"]
    shared = documents(table, "--x", "a", "--x", "c", "--y", "sum", *GAUSSIAN)
    assert [(each["x"], each["y"]) for each in shared] == [("a", "sum"), ("c", "sum")]
    text = run("estimate", table, "--x", "a", "--x", "c", "--y", "sum", *GAUSSIAN).stdout
    assert [line for line in text.splitlines() if line.startswith("I(")][1].startswith("I(c; sum)")


def test_bits_and_permutations(table: Path) -> None:
    arguments = ["--x", "a", "--y", "sum", *GAUSSIAN, "--permutations", 19]
    (nats,), (bits,) = documents(table, *arguments), documents(table, *arguments, "--unit", "bits")
    assert bits["mi"] == pytest.approx(nats["mi"] / np.log(2))
    assert bits["permutation"]["p_value"] == nats["permutation"]["p_value"] == 0.05
    assert "permutation test: p = 0.05 (19 shuffles" in run("estimate", table, *arguments).stdout


def test_sources_are_those_of_the_method(table: Path) -> None:
    arguments = ["--x", "a", "--y", "sum", "--method", "ksg"]
    text = run("estimate", table, *arguments, "--cite").stdout
    assert "@article{kraskov2004," in text
    assert "@software{ibtrain," in text
    (document,) = documents(table, *arguments, "--cite")
    assert "@article{kraskov2004," in document["bibtex"]
    assert "Kraskov" in document["cite"]


def test_all_pairs_of_columns(table: Path, tmp_path: Path) -> None:
    result = run("estimate", table, "--matrix", "-o", tmp_path / "m.csv")
    assert result.exit_code == 0
    assert "! gap: got 6 missing values in column 'gap'" in result.stdout
    pairs = pd.read_csv(tmp_path / "m.csv", keep_default_na=False).set_index(["x", "y"])
    # ten pairs, the classes of kind, and the column that can't be read
    assert len(pairs) == 12
    cells = json.loads(run("estimate", table, "--matrix", "--json").stdout)["cells"]
    for cell in cells:
        row = pairs.loc[(cell["x"], cell["y"])]
        assert row["error"] == cell.get("error", "")
        assert row["flags"] == " ".join(cell.get("flags", ()))
        for name in ("mi", "stderr"):
            assert float(row[name] or "nan") == pytest.approx(cell.get(name, np.nan), nan_ok=True)
    chosen = run("estimate", table, "--matrix", "--x", "a,sum", "--x", "c", *GAUSSIAN, "--json")
    document = json.loads(chosen.stdout)
    assert document["columns"] == ["a", "sum", "c"]
    assert [(cell["x"], cell["y"]) for cell in document["cells"]] == [
        ("a", "sum"), ("a", "c"), ("sum", "c")
    ]  # fmt: skip
    run("estimate", table, "--matrix", *GAUSSIAN, "-o", tmp_path / "m.png")
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "data.csv: got columns a, sum, c, kind, gap, expected a column 'x' (choose others"),
        (["--x", "a", "--y", "gap"], "y: got 6 missing values in column 'gap', the first in row"),
        (["--x", "a[:, 0:1]", "--y", "c"], "expected a column 'a[:'"),
        (["--x", "a,kind", "--y", "c"], "x: got column 'kind' of type"),
        (["--x", "a", "--x", "c", "--y", "sum", "--y", "kind", "--y", "a"],
         "--x and --y: got 2 times --x and 3 times --y, expected as many of each"),
        (["--matrix", "--y", "a"], "--matrix: got --y, expected no option of a single pair"),
        (["--matrix", "--continuous"], "--matrix: got --discrete or --continuous, expected no"),
        (["--matrix", "--x", "a"], "matrix: got columns a, expected at least two columns"),
        (["--matrix", "-o", "m.xlsx"], "--output m.xlsx: ending: got '.xlsx', expected one of .csv"),
        (["--matrix", "-o", "nowhere/m.csv"], "--output nowhere: got no such folder"),
        (["--matrix", "--method", "magic"], "method: got 'magic', expected one of"),
        (["--matrix", "--set", "steps=3"], "options of ksg: got 'steps', expected one of k"),
        (["--x", "a", "--y", "c", "-o", "m.csv"], "--output: got m.csv, expected --matrix"),
        (["--x", "a", "--x", "sum", "--y", "c", "--curve", "c.png"], "--curve: got 2 pairs"),
        (["--x", "a", "--y", "c", "--set", "x=3"], "--set: got 'x', expected an option of the"),
        (["--x", "a", "--y", "c", "--permutations", "-3"], "permutations: got -3, expected a whole"),
        (["--x", "a", "--y", "kind", *GAUSSIAN], "got a discrete side, expected continuous x and y"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(table: Path, arguments: list[str], message: str) -> None:
    result = run("estimate", table, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_help_fits_eighty_columns() -> None:
    text = CliRunner().invoke(cli, ["estimate", "--help"], terminal_width=80).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "Give --x and --y" in " ".join(text.split())
