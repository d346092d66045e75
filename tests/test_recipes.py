"""Defaults: the same from the commands and from Python."""

from ibtrain.cli.options import run_config
from ibtrain.config import METHODS, OptimConfig, RunConfig
from ibtrain.config.recipes import recipe, with_recipes


def test_a_run_from_python_is_optimised_as_one_from_the_command_line() -> None:
    for dataset in ("digits", "mnist", "npz:some.npz"):
        from_python = with_recipes(RunConfig(dataset=dataset))
        from_command = run_config({"dataset": dataset}, None, METHODS)
        for method in METHODS:
            assert (
                from_python.optim(method) == from_command.optim(method) == recipe(method, dataset)
            )


def test_what_was_set_stays() -> None:
    optim = OptimConfig(learning_rate=0.5)
    config = with_recipes(RunConfig(layerwise=optim))
    assert config.layerwise == optim
    assert config.end_to_end == recipe("end_to_end", "digits")


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
        assert recipe(method, "some.csv").batch_size == 32
        assert recipe(method, "parquet:some") == recipe(method, "csv:some.csv")
