"""``ibtrain estimate`` and ``ibtrain validate`` as a user meets them."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from ibtrain.cli.main import cli
from ibtrain.mi.benchmark.problems import PROBLEMS

FAST = [
    "--set",
    "folds=1",
    "--set",
    "steps=40",
    "--set",
    "batch_size=64",
    "--set",
    "hidden=[16,16]",
]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    x, y = PROBLEMS["gaussian-1"].sample(400, np.random.default_rng(0))
    path = tmp_path / "pairs.npz"
    np.savez(path, x=x, y=y, label=(y[:, 0] > 0), broken=np.array([None, 1]), flat=np.ones(400))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_it_says_what_it_found(archive: Path) -> None:
    result = run("estimate", archive, *FAST)
    assert result.exit_code == 0
    assert result.stdout.startswith("I(x; y) = 0.")
    text = " ".join(result.stdout.split())
    assert "x: shape (400, 1), 1 continuous dimension y: shape (400, 1), 1 continuous" in text
    # 80 samples report; the closed form, in five parts, on all of them
    assert "mine: 280 samples trained a critic, 40 others chose its checkpoint, 80 others" in text
    assert "resolve values up to 4.382 nats" in text
    assert "seed 0, ibtrain 0.1.0" in text
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_json_is_one_document_and_nothing_else(archive: Path) -> None:
    result = run("estimate", archive, "--method", "ksg", "--set", "k=3", "--json")
    document = json.loads(result.stdout)
    keys = ["mi", "stderr", "unit", "method", "ceiling", "flags", "n_train", "n_test", "seconds"]
    keys += ["seed", "version", "read_as", "interval", "x", "y", "schema"]
    assert list(document) == keys
    assert document["schema"] == 2
    low, high = document["interval"]
    assert low < document["mi"] < high
    assert document["mi"] == pytest.approx(PROBLEMS["gaussian-1"].mi, abs=0.15)


@pytest.mark.parametrize("options", [FAST, ["--matrix", "--x", "x,y"]])
def test_several_threads_estimate(
    archive: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    for place in ("ibtrain.mi.registry.estimate", "ibtrain.mi.matrix.mi_matrix"):
        module, _, name = place.rpartition(".")
        function = getattr(import_module(module), name)

        def spy(*args: Any, function: Any = function, **arguments: Any) -> Any:
            counts.append(torch.get_num_threads())
            return function(*args, **arguments)

        monkeypatch.setattr(place, spy)
    for number in (1, 2):
        assert run("estimate", archive, *options, "--threads", number).exit_code == 0
    # rounding differs, so that the values are not compared
    assert counts == [1, 2]
    result = run("estimate", archive, *options, "--threads", 0)
    assert result.exit_code == 2
    assert "--threads: got 0, expected" in result.stderr


def test_labels_show_the_cross_entropy_too(archive: Path) -> None:
    result = run("estimate", archive, "--y", "label", *FAST)
    assert "H(Y) - cross-entropy = 0." in result.stdout


def test_a_critics_curve_is_drawn(archive: Path, tmp_path: Path) -> None:
    result = run("estimate", archive, *FAST, "--curve", tmp_path / "curve.png")
    assert result.exit_code == 0
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.npz"], "nothing.npz: got no such file, expected an npz archive"),
        (["FILE", "--x", "z"], "pairs.npz: got keys x, y, label, broken, flat, expected a key 'z'"),
        (["FILE", "--method", "magic"], "method: got 'magic', expected one of mine"),
        (["FILE", "--set", "k"], "--set: got 'k', expected NAME=VALUE"),
        (["FILE", "--set", "k=3"], "options of mine: got 'k', expected one of folds"),
        (["FILE", "--method", "ksg", "--curve", "c.png"], "--curve: got ksg, expected a neural"),
        (["FILE", "--curve", "c.xyz"], "c.xyz: ending: got '.xyz', expected one of .png"),
        (["FILE", "--seed", "-1"], "seed: got -1, expected a whole number of 0 or more"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_two(
    archive: Path, arguments: list[str], message: str
) -> None:
    result = run("estimate", *[archive if a == "FILE" else a for a in arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_objects_are_never_unpickled(tmp_path: Path, archive: Path) -> None:
    with np.load(archive, allow_pickle=True) as file:
        np.savez(tmp_path / "objects.npz", x=file["x"], y=file["broken"])
    result = run("estimate", tmp_path / "objects.npz")
    assert result.exit_code == 2
    assert "y: got objects, expected plain arrays, which need no unpickling" in result.stderr


def test_a_bad_number_late_in_a_mapped_file_is_named_by_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ibtrain.mi.columns.CHUNK", 64)
    x = np.random.default_rng(0).standard_normal((400, 2))
    y = x.copy()
    y[397, 1] = np.nan
    np.savez(tmp_path / "pairs.npz", x=x, y=y)
    result = run("estimate", tmp_path / "pairs.npz", *FAST)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "y: got nan in row 397, column 1, expected finite numbers" in result.stderr


def test_an_archive_says_the_same_mapped_and_compressed(tmp_path: Path, archive: Path) -> None:
    with np.load(archive) as file:
        np.savez_compressed(tmp_path / "small.npz", x=file["x"], y=file["y"])
    found, expected = (
        json.loads(run("estimate", path, *FAST, "--json").stdout) | {"seconds": 0}
        for path in (archive, tmp_path / "small.npz")
    )
    assert found == expected


def test_validate_tells_estimate_from_truth(tmp_path: Path) -> None:
    picture = tmp_path / "answers.png"
    arguments = ["--method", "gaussian", "--method", "ksg", "-n", "500", "-o", str(picture)]
    problems = ["--problem", "gaussian-1", "--problem", "relu-layer"]
    result = run("validate", *arguments, *problems)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[1][:3] == ["gaussian-1", "gaussian", "0.413"]
    assert "agrees" in rows[1]
    assert [row[1] for row in rows[3:]] == [
        *("gaussian", "ksg"),
        *("pairwise-bhattacharyya", "channel", "leave-one-out"),
    ]
    assert picture.stat().st_size > 10_000


def test_validate_prints_json_alone() -> None:
    result = run(
        "validate", "--method", "gaussian", "--problem", "gaussian-3", "-n", "500", "--json"
    )
    (answer,) = json.loads(result.stdout)["answers"]
    assert answer["problem"] == "gaussian-3"
    assert answer["verdict"] == "agrees"
    assert answer["estimate"]["method"] == "gaussian"


def test_validate_refuses_what_it_does_not_know() -> None:
    for arguments, message in (
        (["--problem", "riddle"], "--problem: got 'riddle', expected one of independent-3"),
        (["--method", "riddle"], "--method: got 'riddle', expected one of mine"),
        (["-n", "5"], "--samples: got 5, expected a whole number of 100 or more"),
    ):
        result = run("validate", *arguments)
        assert result.exit_code == 2
        assert message in result.stderr


def test_a_condition_is_printed_and_its_mistakes_answered(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).integers(0, 2, (2, 300))
    number = np.random.default_rng(1).standard_normal(300)
    path = tmp_path / "triples.npz"
    np.savez(path, x=x, y=y, z=x ^ y, number=number)
    result = run("estimate", path, "--z", "z", "--unit", "bits")
    assert result.stdout.startswith("I(x; y | z) = 0.99")
    assert "a label with 2 classes" in result.stdout
    as_numbers = ["--continuous", "--continuous-x", "--z", "number", "--method", "ksg"]
    assert "z: shape (300,), 1 continuous dimension" in run("estimate", path, *as_numbers).stdout
    by_class = run("estimate", path, "--z", "number", "--discrete-z", "--json")
    assert json.loads(by_class.stdout)["read_as"]["z"].endswith("300 classes")
    for arguments, message in (
        (["--discrete-z"], "--discrete-z or --continuous-z: got no --z, expected --z KEY"),
        (["--z", "z", "--permutations", "9"], "--permutations: got --z, expected no --z"),
        (["--z", "z", "--curve", "c.png"], "--curve: got --z, expected no --z"),
        (["--z", "w"], "got keys x, y, z, number, expected a key 'w'"),
    ):
        result = run("estimate", path, *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
