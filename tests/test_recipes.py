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
