"""How each method is optimised unless told otherwise: its own best on a validation split.

docs/tuning.md has the record of the choice; both methods were given the same budget.
"""

from dataclasses import replace

from ibtrain.config import Method, OptimConfig, PlaneConfig, RunConfig

__all__ = ["VALIDATION_SHARE", "plane_recipe", "recipe", "with_recipes"]

VALIDATION_SHARE = 0.1
"""Held out where early stopping needs a validation split and no share was named."""

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
    """The optimiser's settings for a method on a data set."""
    return _BY_DATASET.get((method, dataset), _DEFAULTS[method])


def plane_recipe(dataset: str) -> PlaneConfig:
    """How the information plane of a data set is measured."""
    if dataset == "digits":
        # a first look, in under a minute: audits would add a fifth to it
        return PlaneConfig(points=4, critic_steps=50, batch_size=128, audit_every=0)
    return PlaneConfig()


def with_recipes(config: RunConfig) -> RunConfig:
    """The same run, with the recipes of its data set where a method's optimiser was left open."""
    return replace(
        config,
        layerwise=config.layerwise or recipe("layerwise", config.dataset),
        end_to_end=config.end_to_end or recipe("end_to_end", config.dataset),
    )
