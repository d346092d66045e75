"""Default optimiser settings of each method: the best ones on a validation split.

docs/tuning.md records how they were chosen; both methods had the same tuning budget.
"""

from dataclasses import replace

from ibtrain.config import Method, OptimConfig, PlaneConfig, RunConfig
from ibtrain.errors import ConfigError

__all__ = ["VALIDATION_SHARE", "plane_recipe", "recipe", "with_recipes"]

VALIDATION_SHARE = 0.1
"""Share of training samples held out if early stopping needs a validation split and no share is set."""

_DEFAULTS: dict[Method, OptimConfig] = {
    "layerwise": OptimConfig(learning_rate=1e-3, schedule="constant", batch_size=128, epochs=10),
    "end_to_end": OptimConfig(learning_rate=2e-3, schedule="cosine", batch_size=128, epochs=10),
}
_BY_DATASET: dict[tuple[Method, str], OptimConfig] = {
    ("layerwise", "digits"): OptimConfig(
        learning_rate=3e-3, schedule="constant", batch_size=128, epochs=20
    ),
    ("end_to_end", "digits"): OptimConfig(
        learning_rate=1e-3, schedule="cosine", batch_size=64, epochs=20
    ),
}


def recipe(method: Method, dataset: str) -> OptimConfig:
    """Returns the optimiser settings of a method for a data set.

    Raises:
        ConfigError: If the method has no recipe.
    """
    if method not in _DEFAULTS:
        expected = f"a recipe of {', '.join(_DEFAULTS)}, or the optimiser's settings (optim)"
        raise ConfigError(repr(method), expected, "method")
    return _BY_DATASET.get((method, dataset), _DEFAULTS[method])


def plane_recipe(dataset: str) -> PlaneConfig:
    """Returns the settings of the information plane for a data set."""
    if dataset == "digits":
        # a quick first run, in under a minute: audits would make it a fifth longer
        return PlaneConfig(points=4, critic_steps=50, batch_size=128, audit_every=0)
    return PlaneConfig()


def with_recipes(config: RunConfig) -> RunConfig:
    """Returns the run's settings with the data set's recipe for each method whose optimiser is None."""
    return replace(
        config,
        layerwise=config.layerwise or recipe("layerwise", config.dataset),
        end_to_end=config.end_to_end or recipe("end_to_end", config.dataset),
    )
