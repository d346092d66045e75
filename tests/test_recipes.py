"""Defaults: the same from the commands and from Python."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import gaussian_classes

from ibtrain.cli.options import run_config
from ibtrain.config import METHODS, CompleteOptimConfig, ObjectiveConfig, OptimConfig, RunConfig
from ibtrain.config.recipes import recipe, with_recipe, with_recipes
from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.models.mlp import mlp
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.setup import RunSetup
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.training import Training


def test_a_run_from_python_is_optimised_as_one_from_the_command_line() -> None:
    for dataset in ("digits", "mnist"):
        from_python = with_recipes(RunConfig(dataset=dataset))
        from_command = run_config({"dataset": dataset}, None, METHODS)
        for method in METHODS:
            assert (
                from_python.optim(method) == from_command.optim(method) == recipe(method, dataset)
            )


def test_what_was_set_stays_and_all_else_is_the_recipes() -> None:
    optim = OptimConfig(epochs=50, weight_decay=0.1)
    config = with_recipes(RunConfig(dataset="mnist", layerwise=optim))
    expected = replace(recipe("layerwise", "mnist"), epochs=50, weight_decay=0.1)
    assert config.layerwise == config.optim("layerwise") == expected
    assert config.end_to_end == recipe("end_to_end", "mnist")
    assert expected.learning_rate == 1e-3
    # an option that is off is 0, and not missing
    plain = with_recipe(OptimConfig(label_smoothing=0.0), "end_to_end", "mnist")
    assert (plain.label_smoothing, recipe("end_to_end", "mnist").label_smoothing) == (0.0, 0.1)
    # a batch of all samples is 0, and not missing
    assert with_recipe(OptimConfig(batch_size=0), "layerwise", "mnist").batch_size == 0


def test_the_12_bit_problem_is_trained_plainly() -> None:
    for method in METHODS:
        for count in (None, 3000):
            other = recipe(method, "arrays", count)
            plain = replace(other, label_smoothing=0.0, weight_averaging=0.0)
            assert recipe(method, "szt", count) == plain
    for method in METHODS:
        assert recipe(method, "arrays", 3000).label_smoothing == 0.1
    assert recipe("layerwise", "arrays", None).weight_averaging == 0.999
    assert recipe("layerwise", "arrays", 3000).weight_averaging == 0


@pytest.mark.parametrize(("readout", "share"), [("dv", 0.1), ("critic", 0.0)])
def test_an_objective_that_smooths_no_labels_has_no_smoothing(readout: str, share: float) -> None:
    """It would be refused; output layers of the readout dv smooth labels whatever the other objectives."""
    objective = ObjectiveConfig(name="nwj", beta=0, readout=readout)
    config = with_recipes(RunConfig(dataset="mnist", objective=objective))
    assert config.optim("layerwise").label_smoothing == share
    assert config.optim("end_to_end").label_smoothing == 0.1
    trainer = LayerwiseTrainer(mlp(6, [4], 3), objective)
    data = gaussian_classes()
    assert Training(trainer, data).optim.label_smoothing == share
    given = with_recipe(
        OptimConfig(label_smoothing=0.2), "layerwise", "mnist", smooths_labels=False
    )
    assert given.label_smoothing == 0.2


def test_settings_without_the_recipe_are_told() -> None:
    with pytest.raises(ConfigError, match="layerwise learning_rate: got nothing"):
        RunConfig(layerwise=OptimConfig(epochs=5)).optim("layerwise")
    with pytest.raises(ConfigError, match="end_to_end learning_rate: got nothing"):
        RunConfig().optim("end_to_end")
    with pytest.raises(TypeError, match="learning_rate"):
        CompleteOptimConfig(epochs=5)  # type: ignore[call-arg]
    # a method of one's own needs all of them
    full = replace(recipe("layerwise", "mnist"), epochs=3)
    assert with_recipe(full, "mine", "mnist") == full  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="method: got 'mine'"):
        with_recipe(OptimConfig(epochs=3), "mine", "mnist")  # type: ignore[arg-type]


@pytest.mark.parametrize("dataset", ["some.npz", "npz:some", "data.csv", "folder:images"])
def test_the_recipe_of_a_file_depends_on_its_samples(dataset: str) -> None:
    """From the command line and from Python: nothing is filled in before they are counted."""
    config = run_config({"dataset": dataset, "optim.epochs": 7}, None, METHODS)
    assert config.layerwise == OptimConfig(epochs=7)
    assert with_recipes(config) == config
    for count in (120, 5000, 50_000):
        small = with_recipes(config, count).optim("layerwise")
        assert small == replace(recipe("layerwise", "arrays", count), epochs=7)


def test_both_ways_train_a_partial_setting_with_the_recipe_of_small_data(tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    data = gaussian_classes(n=180)
    np.savez(path, x=data.train.x.numpy(), y=data.train.y.numpy())
    setup = RunSetup(RunConfig(dataset=str(path), layerwise=OptimConfig(epochs=3)))
    count = len(setup.data.train)
    expected = replace(recipe("layerwise", "arrays", count), epochs=3)
    assert expected.batch_size == 32
    assert setup.config.optim("layerwise") == expected
    assert setup.config.optim("end_to_end") == recipe("end_to_end", "arrays", count)
    trainer = LayerwiseTrainer(mlp(6, [4], 3), optim=OptimConfig(epochs=3))
    assert Training(trainer, setup.data).optim == expected


def test_a_run_with_a_file_is_the_same_run_without_its_recipe(tmp_path: Path) -> None:
    """A finished run is shown again without reading its data, but what is set is compared."""
    config = RunConfig(dataset="some.npz", layerwise=OptimConfig(epochs=3))
    folder = RunFolder(tmp_path)
    (tmp_path / "config.json").write_text(with_recipes(config, 120).to_json())
    folder.check_same(config)
    folder.check_same(with_recipes(config, 120))
    (tmp_path / "config.json").write_text(RunConfig(dataset="some.npz").to_json())
    folder.check_same(with_recipes(config, 120))
    (tmp_path / "config.json").write_text(with_recipes(config, 120).to_json())
    with pytest.raises(RunFolderError, match=r"layerwise.epochs: got 4, expected 3"):
        folder.check_same(replace(config, layerwise=OptimConfig(epochs=4)))
    with pytest.raises(RunFolderError, match=r"layerwise.batch_size: got 40, expected 32"):
        folder.check_same(with_recipes(config, 160))


def test_a_small_data_set_gets_the_recipe_of_the_digits() -> None:
    for method in METHODS:
        digits = recipe(method, "digits")
        assert recipe(method, "arrays", 5000) == digits
        # as many samples as the digits' training sees
        assert recipe(method, "arrays", 479).epochs == 3 * digits.epochs
        assert recipe(method, "arrays", 100).epochs == 10 * digits.epochs
        # at least four steps an epoch, of at least 32 samples
        assert recipe(method, "arrays", 160).batch_size == 40
        assert recipe(method, "arrays", 100).batch_size == 32
        assert recipe(method, "arrays", 10_000) == recipe(method, "mnist")
        assert recipe(method, "digits", 100) == digits
