"""Settings: both file formats, and the range of every value."""

import copy
import inspect
import json
import pickle
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from ibtrain.config import (
    ModelConfig,
    ObjectiveConfig,
    OptimConfig,
    PlaneConfig,
    RunConfig,
    difference,
    read_settings,
)
from ibtrain.errors import ConfigError

CONFIG = RunConfig(
    dataset='npz:a "quoted" path.npz',
    data_root="/data",
    seeds=(3, 4),
    model=ModelConfig(hidden=(7,), activation="tanh"),
    objective=ObjectiveConfig(beta=(0.0, 1e-5), noise_std=(0.1, 2.0)),
    layerwise=OptimConfig(patience=3, batch_size=0, optimizer="sgd", momentum=0.9),
    validation=0.25,
    train_share=0.5,
    label_noise=1,
    margin=0.5,
)


def test_settings_survive_both_formats() -> None:
    assert RunConfig.from_dict(json.loads(CONFIG.to_json())) == CONFIG
    assert RunConfig.from_dict(tomllib.loads(CONFIG.to_toml())) == CONFIG


def test_a_deep_network_has_a_beta_for_each_block() -> None:
    model = ModelConfig(hidden=(4,) * 254)
    objective = ObjectiveConfig(beta=(0.1,) * 255)
    assert RunConfig(model=model, objective=objective).model.hidden == (4,) * 254


def test_the_first_setting_that_differs_is_found() -> None:
    settings, defaults = CONFIG.to_dict(), RunConfig().to_dict()
    assert difference(settings, settings) is None
    assert difference({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == ("a.c", 2, 3)
    assert difference({"a": 1}, {"a": 1, "b": None, "c": 0}) == ("c", None, 0)
    place, *values = difference(settings, defaults) or ("",)
    assert (place, *values) == ("dataset", CONFIG.dataset, "digits")


def test_what_a_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[objective]\nbeta = [0.5]\n")
    assert RunConfig.read(path) == RunConfig(objective=ObjectiveConfig(beta=(0.5,)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OptimConfig(learning_rate=0.0), "learning_rate: got 0.0, expected a finite number above 0"),
        (lambda: OptimConfig(learning_rate=float("nan")), "learning_rate: got nan"),
        (lambda: OptimConfig(learning_rate=10**400), "learning_rate: got 1000"),
        (lambda: OptimConfig(epochs=2**63), "epochs: got 9223372036854775808, expected a whole number of 9223372036854775807 or less"),
        (lambda: OptimConfig(epochs=0), "epochs: got 0, expected a whole number of 1 or more"),
        (lambda: OptimConfig(batch_size=1), "batch_size: got 1"),
        (lambda: OptimConfig(schedule="linear"), "'linear', expected one of constant, cosine"),
        (lambda: ObjectiveConfig(beta=(-1.0,)), "beta: got -1.0, expected a finite number of 0 or more"),
        (lambda: ObjectiveConfig(beta=()), "beta: got nothing"),
        (lambda: ObjectiveConfig(noise_std=(0.0,)), "noise_std 0 with beta above 0"),
        (lambda: ObjectiveConfig(ema_rate=1.5), "ema_rate: got 1.5"),
        (lambda: ModelConfig(hidden=()), "hidden: got nothing"),
        (lambda: ModelConfig(hidden=(5, 0)), "hidden: got 0"),
        (lambda: PlaneConfig(samples=1), "plane samples: got 1"),
        (lambda: PlaneConfig(critic_steps=2**63 - 1), "critic_steps: got 9223372036854775807, expected a whole number of 10000000 or less"),
        (lambda: RunConfig(seeds=()), "at least one seed"),
        (lambda: RunConfig(seeds=tuple(range(10_001))), "seeds: got 10001 seeds, expected at most 10000"),
        (lambda: RunConfig(dataset="x" * 10_001), "dataset: got 10001 characters, expected at most 10000"),
        (lambda: RunConfig(data_root="x" * 10_001), "data_root: got 10001 characters"),
        (lambda: ModelConfig(hidden=(1,) * 300_000), "hidden and channels: got 300002 layers, expected at most 256"),
        (lambda: ModelConfig(kind="conv", channels=(1,) * 300, hidden=()), "got 300 layers, expected at most 256"),
        (lambda: ObjectiveConfig(beta=(0.1,) * 1_000_000), "beta: got 1000000 values, expected at most 257"),
        (lambda: ObjectiveConfig(noise_std=(0.1,) * 258), "noise_std: got 258 values, expected at most 257"),
        (lambda: RunConfig(seeds=(1, 1)), "none twice"),
        (lambda: RunConfig(validation=1.0), "validation: got 1.0"),
        (lambda: RunConfig(layerwise=OptimConfig(patience=2)), "no validation split"),
        (lambda: ObjectiveConfig(beta=(0.1, 1e39)), "beta: got 1e.39, expected a number of 1e.12 or less"),
        (lambda: ObjectiveConfig(noise_std=(1e-300,)), "noise_std: got 1e-300, expected 0, or a number between 1e-12 and 1e.12"),
        (lambda: ObjectiveConfig(noise_std=(1.0, 1e39)), "noise_std: got 1e.39, expected 0, or a number between"),
        (lambda: ModelConfig(hidden="5"), "hidden: got '5', expected a list or a tuple"),
        (lambda: RunConfig(seeds="3"), "seeds: got '3', expected a list or a tuple"),
        (lambda: RunConfig(methods="layerwise"), "methods: got 'layerwise', expected a list or a tuple"),
        (lambda: OptimConfig(batch_size=0.0), "batch_size: got 0.0"),
        (lambda: OptimConfig(batch_size=False), "batch_size: got False"),
        (lambda: OptimConfig(optimizer="lbfgs"), "optimizer: got 'lbfgs', expected one of adam, adamw, sgd"),
        (lambda: OptimConfig(optimizer="sgd", momentum=1.0), "momentum: got 1.0, expected a number from 0 to 1, but not 1"),
        (lambda: OptimConfig(momentum=0.9), "momentum: got 0.9 with adam, expected sgd"),
        (lambda: OptimConfig(weight_decay=-0.1), "weight_decay: got -0.1, expected a finite number of 0 or more"),
        (lambda: ModelConfig(activation="gelu"), "'gelu', expected one of relu, tanh"),
        (lambda: ModelConfig(dropout=1.0), "dropout: got 1.0, expected a number from 0 to 1, but not 1"),
        (lambda: RunConfig(train_share=0.0), "train_share: got 0.0, expected a number from 0 to 1, but not 0"),
        (lambda: RunConfig(train_share=float("nan")), "train_share: got nan, expected a finite number"),
        (lambda: RunConfig(label_noise=1.1), "label_noise: got 1.1, expected a number from 0 to 1"),
        (lambda: RunConfig(resize=0), "resize: got 0, expected a whole number of 1 or more"),
    ],
)  # fmt: skip
def test_out_of_range_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"datset": "digits"}, "config: got 'datset', expected one of dataset"),
        ({"objective": {"betta": [1]}}, "config.objective: got 'betta'"),
        ({"objective": 3}, "config.objective: got 3, expected a table"),
        ({"seeds": "3"}, "seeds: got '3', expected a list or a tuple"),
        ({"seeds": ["a"]}, "seeds: got 'a'"),
    ],
)
def test_unknown_settings_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunConfig.from_dict(values)


@pytest.mark.parametrize("text", ["{", "[1]", "\x00"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"run\.json"):
        read_settings(path)


def test_a_class_with_checked_keywords_is_what_it_was() -> None:
    """Its fields, its signature, copies and Python's own errors."""
    assert [*inspect.signature(OptimConfig).parameters] == [f.name for f in fields(OptimConfig)]
    optim = OptimConfig(0.1, epochs=3)
    assert replace(optim, epochs=4) == OptimConfig(0.1, epochs=4)
    assert pickle.loads(pickle.dumps(optim)) == copy.deepcopy(optim) == optim
    with pytest.raises(ConfigError, match=r"OptimConfig: got 'epoch', .*did you mean 'epochs'"):
        replace(optim, epoch=4)
    with pytest.raises(TypeError, match="multiple values for argument 'learning_rate'"):
        OptimConfig(0.1, learning_rate=0.1)  # type: ignore[misc]


def test_a_file_and_a_call_give_the_same_advice() -> None:
    with pytest.raises(ConfigError, match=r"config\.layerwise: got 'lr', .*'learning_rate'"):
        RunConfig.from_dict({"layerwise": {"lr": 1}})
    with pytest.raises(ConfigError, match=r"config: got 'hidden', .*a setting of ModelConfig\)"):
        RunConfig.from_dict({"hidden": [3]})
