"""Default optimiser settings of each method: the best ones on a validation split.

docs/tuning.md records how they were chosen; both methods had the same tuning budget.
"""

from dataclasses import replace
from typing import Any

from ibtrain.config import METHODS, CompleteOptimConfig, Method, OptimConfig, PlaneConfig, RunConfig
from ibtrain.config.optim import RECIPE_FIELDS
from ibtrain.errors import ConfigError

__all__ = [
    "SMALL",
    "VALIDATION_SHARE",
    "comparable",
    "margin_of",
    "plane_recipe",
    "recipe",
    "with_recipe",
    "with_recipes",
]

VALIDATION_SHARE = 0.1
"""Share of training samples held out if early stopping needs a validation split and no share is set."""

_DEFAULTS: dict[Method, CompleteOptimConfig] = {
    "layerwise": CompleteOptimConfig(
        learning_rate=1e-3,
        schedule="constant",
        batch_size=128,
        epochs=10,
        label_smoothing=0.1,
        weight_averaging=0.999,
    ),
    "end_to_end": CompleteOptimConfig(
        learning_rate=2e-3, schedule="cosine", batch_size=128, epochs=10, label_smoothing=0.1
    ),
}
_BY_DATASET: dict[tuple[Method, str], CompleteOptimConfig] = {
    ("layerwise", "digits"): CompleteOptimConfig(
        learning_rate=3e-3, schedule="constant", batch_size=128, epochs=20, label_smoothing=0.1
    ),
    ("end_to_end", "digits"): CompleteOptimConfig(
        learning_rate=1e-3, schedule="cosine", batch_size=64, epochs=20, label_smoothing=0.1
    ),
}


SMALL = 10_000
"""Number of training samples below which a data set without a recipe gets that of the digits."""
DIGITS_SAMPLES = 1437
MAX_FACTOR = 10
"""Maximum number by which the epochs of the digits are multiplied."""
MIN_STEPS = 4
"""Steps in an epoch below which batches are smaller than those of the digits, down to :data:`MIN_BATCH`."""
MIN_BATCH = 32
MARGIN = 0.25
_MARGINS = {"mnist": 0.1}
"""Margins of equivalence, in percentage points; others have :data:`MARGIN`."""


def recipe(method: Method, dataset: str, count: int | None = None) -> CompleteOptimConfig:
    """Returns the optimiser settings of a method for a data set.

    Args:
        method: The method.
        dataset: Name of the data set.
        count: Number of training samples; None stands for a large number. Without a recipe of its own, a small data set
            gets that of the digits, with so many epochs that it sees as many samples as the digits' training does, and with
            smaller batches if an epoch would have fewer than four steps.

    Raises:
        ConfigError: If the method has no recipe.
    """
    if method not in _DEFAULTS:
        expected = f"a recipe of {', '.join(_DEFAULTS)}, or the optimiser's settings (optim)"
        raise ConfigError(repr(method), expected, "method")
    settings = _BY_DATASET.get((method, dataset), _DEFAULTS[method])
    if dataset == "szt":
        # its planes are compared with published ones, of plain training
        settings = _for_size(settings, method, count)
        return replace(settings, label_smoothing=0.0, weight_averaging=0.0)
    return settings if (method, dataset) in _BY_DATASET else _for_size(settings, method, count)


def _for_size(
    settings: CompleteOptimConfig, method: Method, count: int | None
) -> CompleteOptimConfig:
    """The settings, or those of the digits for as few samples as ``count``."""
    if count is None or count >= SMALL:
        return settings
    digits = _BY_DATASET[method, "digits"]
    factor = min(max(1.0, DIGITS_SAMPLES / count), MAX_FACTOR)
    batch_size = min(digits.batch_size, max(MIN_BATCH, count // MIN_STEPS))
    return replace(digits, epochs=round(digits.epochs * factor), batch_size=batch_size)


def plane_recipe(dataset: str) -> PlaneConfig:
    """Returns the settings of the information plane for a data set."""
    if dataset == "digits":
        # a quick first run, in under a minute: audits would make it a fifth longer
        return PlaneConfig(points=4, critic_steps=50, batch_size=128, audit_every=0)
    return PlaneConfig()


def margin_of(dataset: str, margin: float | None = None) -> float:
    """Returns the largest difference of accuracies, in percentage points, that makes no difference in practice.

    Args:
        dataset: Name of the data set.
        margin: The setting ``margin``; None selects the default of the data set.
    """
    return margin if margin is not None else _MARGINS.get(dataset, MARGIN)


def with_recipe(
    optim: OptimConfig | None,
    method: Method,
    dataset: str,
    count: int | None = None,
    *,
    smooths_labels: bool = True,
) -> CompleteOptimConfig:
    """Returns a method's optimiser settings, of which those that are None are the recipe's.

    Args:
        optim: The settings; None leaves all of them to the recipe.
        method: The method.
        dataset: Name of the data set.
        count: Number of training samples, as of :func:`recipe`.
        smooths_labels: Whether the objective can smooth labels; if it can't, the recipe's smoothing is left out.

    Raises:
        ConfigError: If a setting is None and the method has no recipe.

    Example:
        >>> settings = with_recipe(OptimConfig(epochs=50), "layerwise", "arrays", count=120)
        >>> settings.epochs, settings.learning_rate, settings.batch_size
        (50, 0.003, 32)
    """
    given = {
        name: value for name, value in vars(optim or OptimConfig()).items() if value is not None
    }
    if all(name in given for name in RECIPE_FIELDS):
        return CompleteOptimConfig(**given)
    settings = recipe(method, dataset, count)
    if not smooths_labels:
        settings = replace(settings, label_smoothing=0.0)
    return replace(settings, **given)


def with_recipes(config: RunConfig, count: int | None = None) -> RunConfig:
    """Returns the run's settings with the data set's recipe in place of what is None of the methods' optimisers.

    The recipe of a data set in a file depends on its number of samples: without this number, nothing is filled in.

    Args:
        config: The settings.
        count: Number of training samples; None if it is not known yet.
    """
    dataset = config.dataset
    # the names of the other data sets have neither
    is_file = ":" in dataset or "." in dataset
    if is_file and count is None:
        return config
    known = count if is_file else None
    return replace(
        config,
        layerwise=with_recipe(
            config.layerwise,
            "layerwise",
            dataset,
            known,
            smooths_labels=config.objective.smooths_labels,
        ),
        end_to_end=with_recipe(config.end_to_end, "end_to_end", dataset, known),
    )


def comparable(wanted: RunConfig, existing: RunConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns two runs' settings as dictionaries that are equal where one leaves an optimiser's to the recipe.

    Args:
        wanted: Settings that may lack the recipe of a data set in a file, whose samples are not counted yet.
        existing: Settings of a run; an earlier version saved None for a whole optimiser.
    """
    values, others = wanted.to_dict(), existing.to_dict()
    for method in METHODS:
        new, old = values[method], others[method]
        if new is None or old is None:
            values[method] = old
        else:
            values[method] = {name: old[name] if v is None else v for name, v in new.items()}
    return values, others
