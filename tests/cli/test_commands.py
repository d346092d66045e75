"""The commands as a user meets them."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from commands import run
from PIL import Image

from ibtrain.config import HIDDEN

QUICK = [
    "--hidden", "12,8", "--epochs", "2", "--seeds", "0", "--plane-points", "3", "--plane-samples", "100",
    "--critic-steps", "10",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """One small comparison, which several tests look at."""
    path = tmp_path_factory.mktemp("runs") / "run"
    return path, run("compare", *QUICK, "--run-dir", path, "--json")


def test_compare_prints_one_json_document(finished: tuple[Path, Result]) -> None:
    path, result = finished
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document == json.loads((path / "results.json").read_text())
    assert document["schema"] == 1
    assert document["margin"] == 0.25
    values = [document[method][0]["test_accuracy"] for method in ("layerwise", "end_to_end")]
    assert document["difference"]["value"] == pytest.approx(values[0] - values[1])
    assert document["difference"]["outcome"] == "undecided"
    for method in ("layerwise", "end_to_end"):
        (entry,) = document[method]
        assert 0 < entry["test_accuracy"] <= 1
        assert [layer["name"] for layer in entry["layers"]] == ["hidden1", "hidden2", "output"]
        for layer in entry["layers"]:
            assert set(layer["mi_xt"]) == {
                "mi", "stderr", "unit", "method", "ceiling", "flags", "n_train", "n_test", "seconds",
            }  # fmt: skip
            assert layer["mi_xt"]["ceiling"] == pytest.approx(document["ln_n"])
            assert layer["mi_ty"]["ceiling"] == pytest.approx(document["label_entropy"])


def test_the_run_folder_is_complete(finished: tuple[Path, Result]) -> None:
    path, _ = finished
    found = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    assert found == {
        "config.json", "environment.json", "metrics.jsonl", "results.json",
        "plane.png", "curves.png", "layers.png", "plane.csv", "report.html",
        "checkpoints/layerwise-seed0.pt", "checkpoints/end_to_end-seed0.pt",
    }  # fmt: skip
    events = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds.count("epoch"), kinds.count("plane"), kinds.count("result")) == (8, 18, 2)
    assert json.loads((path / "environment.json").read_text())["threads"] >= 1


def test_progress_goes_to_stderr(finished: tuple[Path, Result]) -> None:
    _, result = finished
    assert "hidden2 (2/3)  epoch 2/2  I(h;y)" in result.stderr
    assert "thread" in result.stderr


@pytest.mark.slow
def test_a_run_repeats_from_its_own_config(finished: tuple[Path, Result], tmp_path: Path) -> None:
    path, first = finished
    again = run("compare", "--config", path / "config.json", "--run-dir", tmp_path / "b", "--json")
    documents = [json.loads(result.stdout) for result in (first, again)]
    for document in documents:
        for method in ("layerwise", "end_to_end"):
            for entry in document[method]:
                entry.pop("seconds")
                for layer in entry["layers"]:
                    for value in layer.values():
                        if isinstance(value, dict):
                            value.pop("seconds")
        document.pop("peak_memory_mib")
    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    "ending", ["png", "svg", "pdf", pytest.param("gif", marks=pytest.mark.slow)]
)
def test_planes_are_drawn_in_every_format(
    finished: tuple[Path, Result], tmp_path: Path, ending: str
) -> None:
    path, _ = finished
    output = tmp_path / f"plane.{ending}"
    assert run("plane", path, path, "-o", output).exit_code == 0
    assert output.stat().st_size > 5000
    if ending == "gif":
        with Image.open(output) as film:
            assert getattr(film, "n_frames", 1) > 2


def test_train_and_runs(tmp_path: Path) -> None:
    quick = [*QUICK, "--plane-points", "0"]
    for method in ("layerwise", "end-to-end"):
        result = run("train", method, *quick, "--run-dir", tmp_path / method)
        assert result.exit_code == 0
        assert "test accuracy %" in result.stdout
    listing = run("runs", tmp_path).stdout
    assert "layerwise" in listing
    assert "end-to-end" in listing
    assert "digits" in listing


@pytest.mark.slow
def test_options_reach_the_run(tmp_path: Path) -> None:
    options = {
        "--beta": "0.01,0.02,0", "--noise-std": "1,2,3", "--noise-scale": "relative",
        "--predict-from": "noisy", "--readout": "cross-entropy", "--activation": "tanh",
        "--learning-rate": "0.004", "--schedule": "constant", "--batch-size": "100",
        "--patience": "1", "--plane-points": "2", "--plane-samples": "50", "--threads": "1",
        "--device": "cpu", "--seeds": "7", "--epochs": "2", "--hidden": "9,7", "--on-nonfinite": "skip",
        "--precision": "bfloat16", "--optimizer": "sgd", "--momentum": "0.5", "--weight-decay": "1e-4",
        "--label-smoothing": "0.1", "--weight-averaging": "0.9", "--augment": "crop,flip",
    }  # fmt: skip
    flat = [word for pair in options.items() for word in pair]
    assert run("train", "layerwise", *flat, "--run-dir", tmp_path / "run").exit_code == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["objective"]["beta"] == [0.01, 0.02, 0.0]
    assert config["objective"]["noise_scale"] == "relative"
    assert config["layerwise"] == {
        "learning_rate": 0.004, "schedule": "constant", "batch_size": 100, "epochs": 2, "patience": 1,
        "on_nonfinite": "skip", "precision": "bfloat16", "optimizer": "sgd", "momentum": 0.5,
        "weight_decay": 1e-4, "label_smoothing": 0.1, "weight_averaging": 0.9, "augment": ["crop", "flip"],
    }  # fmt: skip
    assert config["model"]["hidden"] == [9, 7]
    assert config["validation"] == 0.1
    assert config["plane"]["points"] == 2


@pytest.mark.slow
def test_a_convolutional_network_compares_too(tmp_path: Path) -> None:
    result = run(
        "compare", "--model", "conv", "--channels", "4", *QUICK, "--run-dir", tmp_path / "run"
    )
    assert result.exit_code == 0
    assert "conv1" in result.stdout


def bad_npz(folder: Path, **arrays: Any) -> str:
    path = folder / "bad.npz"
    np.savez(path, **arrays)
    return f"npz:{path}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "mnits"], "dataset: got 'mnits', expected one of digits"),
        (["--dataset", "npz:nowhere.npz"], "nowhere.npz: got no such file"),
        (["--dataset", "folder:nowhere"], "got no images"),
        (["--epochs", "0"], "epochs: got 0, expected a whole number of 1 or more"),
        (["--epochs", "many"], "'many' is not a valid integer"),
        (["--beta", "-1"], "beta: got -1.0"),
        (["--beta", "0.1,0.2"], "beta: got 2 values, expected 1, or 3"),
        (["--beta", "x"], "got 'x', expected numbers separated by commas"),
        (["--noise-std", "0"], "noise_std 0 with beta above 0"),
        (["--plane-noise", "0"], "plane noise_std: got 0.0, expected above 0"),
        (
            ["--plane-noise", "1,2"],
            "plane noise_std: got 2 values, expected 1, or one for each of 3",
        ),
        (["--plane-noise", "loud"], "got 'loud', expected numbers separated by commas, or auto"),
        (
            ["--plane-on", "all"],
            "plane measures: got mine, probe on all samples, to which they are fitted",
        ),
        (["--hidden", "0"], "hidden: got 0"),
        (["--seeds", "1,1"], "none twice"),
        (["--model", "conv", "--channels", "2,2,2,2"], "images of 8 x 8 pixels"),
        (["--device", "cuda"], "device: got 'cuda', expected a device of this machine"),
        (["--schedule", "steep"], "'steep' is not one of 'constant', 'cosine'"),
        (["--precision", "tf32", "--device", "cpu"], "precision: got tf32, expected float32 or"),
        (
            ["--config", "nowhere.toml"],
            "nowhere.toml: got no such file, expected a .toml or .json file",
        ),
        (["--nonsense"], "No such option"),
    ],
)
def test_a_mistake_gets_one_line_and_code_2(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = run("compare", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_samples_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).standard_normal((40, 3))
    x[4, 1] = np.nan
    name = bad_npz(tmp_path, x=x, y=np.arange(40) % 2)
    monkeypatch.chdir(tmp_path)
    result = run("compare", "--dataset", name)
    assert result.exit_code == 2
    assert "1 NaN or infinite values in the samples" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.npz"]


@pytest.mark.parametrize("again", ["resume", "repeat"])
def test_a_finished_run_is_shown_again(finished: tuple[Path, Result], again: str) -> None:
    path, _ = finished
    before = (path / "results.json").read_bytes()
    repeated = ["compare", *QUICK, "--run-dir", path]
    result = run(*(["resume", path] if again == "resume" else repeated))
    assert result.exit_code == 0
    assert "is finished: nothing is left to train" in result.stderr
    assert "test accuracy %" in result.stdout
    assert (path / "results.json").read_bytes() == before


def test_a_run_with_other_settings_is_refused(finished: tuple[Path, Result]) -> None:
    path, _ = finished
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    result = run("compare", *QUICK, "--seeds", "1", "--run-dir", path)
    assert (result.exit_code, result.stdout) == (2, "")
    expected = f"{path}: seeds: got 1, expected 0, as in the existing run, or a new folder"
    assert result.stderr == f"Error: {expected}\n"
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_a_setting_that_differs_is_named_alone(finished: tuple[Path, Result]) -> None:
    path, _ = finished
    result = run("compare", *QUICK, "--epochs", "3", "--run-dir", path)
    assert result.exit_code == 2
    expected = "layerwise.epochs: got 3, expected 2, as in the existing run, or a new folder"
    assert result.stderr == f"Error: {path}: {expected}\n"


def test_a_strangers_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    result = run("compare", *QUICK, "--run-dir", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "a folder with other files" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("every", ["0", "", "-1", "1.5", "10 m", "1d", "m", "9999999999", "٣"])
def test_an_interval_that_is_none_is_told(tmp_path: Path, every: str) -> None:
    result = run("compare", "--checkpoint-every", every, "--run-dir", tmp_path / "r")
    assert result.exit_code == 2
    assert (
        f"--checkpoint-every: got {every!r}, expected epochs, such as 5, or a time" in result.stderr
    )
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("output", ["plane.bmp", "nowhere/plane.png"])
def test_a_picture_that_cannot_be_written_is_told(
    finished: tuple[Path, Result], tmp_path: Path, output: str
) -> None:
    result = run("plane", finished[0], "-o", tmp_path / output)
    assert result.exit_code == 2
    assert Path(output).parts[0] in result.stderr


def test_divergence_exits_with_1(tmp_path: Path) -> None:
    result = run(
        "train", "end-to-end", *QUICK, "--learning-rate", "1e30", "--run-dir", tmp_path / "r"
    )
    assert result.exit_code == 1
    assert "end_to_end, network: cross_entropy became" in result.stderr


def test_without_a_command_the_help_is_shown_as_it_is() -> None:
    for arguments in ([], ["train"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) > 5
        assert result.stderr.startswith("Usage: ")


@pytest.mark.slow
def test_patience_holds_out_a_validation_split_for_a_saved_config_too(
    finished: tuple[Path, Result], tmp_path: Path
) -> None:
    config = finished[0] / "config.json"
    run("train", "end-to-end", "--config", config, "--patience", "1", "--run-dir", tmp_path / "r")
    assert json.loads((tmp_path / "r" / "config.json").read_text())["validation"] == 0.1


def test_one_broken_run_does_not_hide_the_others(
    finished: tuple[Path, Result], tmp_path: Path
) -> None:
    for name, text in (("good", (finished[0] / "config.json").read_text()), ("bad", "{")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(text)
    result = run("runs", tmp_path)
    assert "unfinished" in result.stdout
    assert "broken" in result.stdout
    assert result.stderr.startswith(f"Warning: {tmp_path}/bad/config.json: got a missing or broken")
    assert result.stderr.count("\n") == 1


def test_a_picture_onto_a_folder_is_told(finished: tuple[Path, Result], tmp_path: Path) -> None:
    (tmp_path / "plane.png").mkdir()
    result = run("plane", finished[0], "-o", tmp_path / "plane.png")
    assert result.exit_code == 2
    assert "plane.png: got a folder, expected a file" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["plane.png"]


@pytest.mark.slow
def test_the_critic_readout_compares_and_draws(tmp_path: Path) -> None:
    quick = [*QUICK, "--plane-points", "2", "--plane-samples", "100"]
    result = run("compare", *quick, "--readout", "critic", "--run-dir", tmp_path / "run")
    assert result.exit_code == 0
    assert (tmp_path / "run" / "layers.png").is_file()


def test_a_name_cannot_move_the_cursor(finished: tuple[Path, Result], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    config = json.loads((finished[0] / "config.json").read_text()) | {"dataset": "\x1b[2J\udcff"}
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert "\\x1b[2J\\udcff" in run("runs", tmp_path).stdout
    result = run("compare", "--dataset", "npz:\x1b[2J.npz")
    assert "Error: \\x1b[2J.npz: got no such file" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_line_end_in_a_name_ends_no_line(finished: tuple[Path, Result], tmp_path: Path) -> None:
    shutil.copytree(finished[0], tmp_path / "a\nb")
    listing = run("runs", tmp_path)
    assert listing.stderr == ""
    assert [line.split()[0] for line in listing.stdout.splitlines()[2:]] == [f"{tmp_path}/a\\nb"]
    result = run("resume", tmp_path / "c\nd")
    assert result.stderr == (
        f"Error: {tmp_path}/c\\nd: got no run there, expected a run's folder, with its config.json "
        "(No such file or directory)\n"
    )


def test_an_unreadable_folder_hides_no_other(
    finished: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished[0], tmp_path / "good")
    (tmp_path / "secret").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    stat = Path.stat

    def refusing(path: Path, **more: Any) -> Any:
        if path.parent.name == "secret":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", refusing)
    result = run("runs", tmp_path)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[2:]] == [f"{tmp_path}/good"]
    told = sorted(result.stderr.splitlines())
    assert [line.split(": got")[0] for line in told] == [
        f"Warning: {tmp_path}/{name}" for name in ("loop", "secret")
    ]
    assert "can't be read (Permission denied), expected a readable one" in told[1]


def test_a_finished_run_is_shown_without_its_data_set(tmp_path: Path) -> None:
    data, path = tmp_path / "d.npz", tmp_path / "run"
    rng = np.random.default_rng(0)
    np.savez(data, x=rng.standard_normal((90, 4)), y=np.arange(90) % 3)
    settings = (*QUICK, "--measures", "channel")
    command = ("compare", *settings, "--dataset", f"npz:{data}", "--run-dir", path)
    first = run(*command)
    assert first.exit_code == 0
    data.unlink()
    for words in (("resume", path), command):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (0, first.stdout)
        assert f"{path} is finished: nothing is left to train" in result.stderr
    assert "npz:" in run("runs", tmp_path).stdout
    assert run("plane", path).exit_code == 0


def test_a_finished_run_that_cannot_be_written_is_shown(
    finished: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a read-only disk: nothing is locked, swept or drawn."""
    path = tmp_path / "run"
    shutil.copytree(finished[0], path)
    (path / ".lock").unlink(missing_ok=True)
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    result = run("resume", path, "--json")
    assert (result.exit_code, result.stdout) == (0, finished[1].stdout)
    assert "its pictures are not redrawn, because its folder can't be written" in result.stderr
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before
    other = run("compare", *QUICK, "--seeds", "5", "--run-dir", path)
    assert other.exit_code == 2
    assert "as in the existing run, or a new folder" in other.stderr


def test_results_of_the_first_version_are_read(
    finished: tuple[Path, Result], tmp_path: Path
) -> None:
    """It called the share of the most common class the accuracy of chance."""
    path = tmp_path / "run"
    shutil.copytree(finished[0], path)
    document = json.loads((path / "results.json").read_text())
    document["chance_accuracy"] = document.pop("majority_accuracy")
    (path / "results.json").write_text(json.dumps(document))
    shown = json.loads(run("resume", path, "--json").stdout)
    assert shown == json.loads(finished[1].stdout)


def test_the_table_names_the_majority_class(finished: tuple[Path, Result]) -> None:
    result = run("resume", finished[0])
    assert result.exit_code == 0
    assert "always the most frequent class of training: " in " ".join(result.stdout.split())
    assert "chance" not in result.stdout


def test_no_text_of_a_strangers_results_moves_the_cursor(
    finished: tuple[Path, Result], tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path / "run")
    path = tmp_path / "run" / "results.json"
    document = json.loads(path.read_text())
    layer = document["layerwise"][0]["layers"][0]
    layer["name"] = "\x1b[2Ja\nb"
    layer["mi_xt"]["flags"] = ["\x1b]0;title\x07"]
    path.write_text(json.dumps(document))
    result = run("resume", tmp_path / "run")
    assert result.exit_code == 0
    assert "\\x1b[2Ja\\nb" in result.stdout
    assert "\\x1b]0;title\\x07" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr


def test_a_dollar_in_a_name_is_no_formula(finished: tuple[Path, Result], tmp_path: Path) -> None:
    shutil.copytree(finished[0], tmp_path / "$x^$")
    assert run("plane", tmp_path / "$x^$", tmp_path / "$x^$").exit_code == 0


def test_a_network_that_memory_cannot_hold_is_told(tmp_path: Path) -> None:
    for more in ([], ["--model", "conv", "--channels", "1000000,1000000"]):
        result = run("compare", "--hidden", "1000000,1000000", *more, "--run-dir", tmp_path / "r")
        assert result.exit_code == 2
        assert "weights, with gradients and Adam's moments" in result.stderr
        assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_longest_value_makes_no_long_message() -> None:
    result = run("compare", "--hidden", "9" * 20_000)
    assert result.exit_code == 2
    assert len(result.stderr) < 1100
    assert result.stderr.rstrip().endswith("separated by commas, or " + ", ".join(HIDDEN))


@pytest.mark.parametrize(
    "ending", ["png", "svg", "pdf", pytest.param("gif", marks=pytest.mark.slow)]
)
def test_a_name_that_is_not_utf_8_is_drawn(
    finished: tuple[Path, Result], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / "run\udcff"
    shutil.copytree(finished[0], path)
    config = json.loads((path / "config.json").read_text()) | {"dataset": "folder:\udcff"}
    (path / "config.json").write_text(json.dumps(config))
    assert run("plane", path, path, "-o", tmp_path / f"\udcfe.{ending}").exit_code == 0
    assert (tmp_path / f"\udcfe.{ending}").stat().st_size > 5000


@pytest.mark.slow
def test_a_data_set_whose_name_is_not_utf_8_is_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "\udcff.npz"
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        np.savez(file, x=rng.standard_normal((60, 2)), y=np.arange(60) % 3)
    arguments = [
        "--dataset",
        f"npz:{path}",
        "--plane-points",
        "2",
        "--run-dir",
        tmp_path / "r\udcff",
    ]
    result = run("compare", *QUICK, *arguments)
    assert result.exit_code == 0
    assert (
        json.loads((tmp_path / "r\udcff" / "config.json").read_text())["dataset"] == f"npz:{path}"
    )
    assert (tmp_path / "r\udcff" / "plane.png").stat().st_size > 5000
    assert "\\udcff" in result.stderr


def test_too_many_threads_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.backend.device._cores", lambda: 1)
    monkeypatch.setattr("torch.set_num_threads", lambda count: None)
    path = tmp_path / "run"
    arguments = [*QUICK, "--plane-points", "0", "--threads", "9", "--run-dir", path]
    result = run("train", "end-to-end", *arguments)
    assert result.exit_code == 0
    told = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert told == [
        "Warning: 9 threads for 1 cores: every step is far slower than with one thread a core"
    ]
