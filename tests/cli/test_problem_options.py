"""The problems and networks of the information plane's literature, from the command line."""

import json
from pathlib import Path

from commands import run

QUICK = ["--epochs", "2", "--seeds", "0", "--plane-points", "0"]


def test_the_12_bit_problem_with_all_its_settings(tmp_path: Path) -> None:
    words = (
        "train end-to-end --dataset szt --hidden idnns-1 --activation tanh --batch-size full --optimizer sgd "
        "--learning-rate 0.1 --momentum 0.9 --weight-decay 1e-4 --dropout 0.1 --train-share 0.5 --label-noise 0.2"
    )
    result = run(*words.split(), *QUICK, "--run-dir", tmp_path / "run")
    assert result.exit_code == 0
    told = "szt: 1638 training (label noise 0.2) and 819 test samples of 12 values, 2 classes"
    assert told in result.stderr
    assert (
        "2 epochs, batch full, SGD 0.1 cosine, momentum 0.9, weight decay 0.0001" in result.stderr
    )
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["model"]["hidden"] == [10, 7, 5, 4, 3]
    assert config["end_to_end"]["batch_size"] == 0
    assert (config["train_share"], config["label_noise"]) == (0.5, 0.2)


def test_layer_wise_training_has_the_same_settings(tmp_path: Path) -> None:
    words = (
        "train layerwise --dataset szt --hidden idnns-5 --activation softsign --batch-size full --optimizer adamw "
        "--weight-decay 0.1 --dropout 0.1"
    )
    result = run(*words.split(), *QUICK, "--run-dir", tmp_path / "run")
    assert result.exit_code == 0
    assert "batch full, AdamW 0.001 constant, weight decay 0.1" in result.stderr


def test_by_default_messages_name_adam(tmp_path: Path) -> None:
    result = run("train", "end-to-end", *QUICK, "--run-dir", tmp_path / "run")
    assert (
        "end-to-end: 2 epochs, batch 64, Adam 0.001 cosine, label smoothing 0.1\n" in result.stderr
    )
    assert "digits: 1438 training and 359 test samples" in result.stderr


def test_the_first_line_names_the_network_and_what_trains_it(tmp_path: Path) -> None:
    words = "compare --hidden 8,5 --activation tanh --epochs 1 --plane-points 0 --order simultaneous --beta 0"
    result = run(*words.split(), "--seeds", "4,2", "--run-dir", tmp_path / "run")
    assert result.stderr.splitlines()[0] == (
        "64-8-5-10 (tanh) on digits, layer-wise (ib, simultaneous) then end-to-end, seeds 4, 2"
    )
    assert "layer-wise: 1 epoch a block, batch 128" in result.stderr.splitlines()[2]


def test_one_method_is_named_alone(tmp_path: Path) -> None:
    result = run("train", "end-to-end", *QUICK, "--run-dir", tmp_path / "run")
    first, *_ = result.stderr.splitlines()
    assert first.endswith(" (relu) on digits, end-to-end, seed 0")
