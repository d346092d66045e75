"""Default optimiser settings of each method: the best ones on a validation split.

docs/tuning.md records how they were chosen; both methods had the same tuning budget.
"""

import re
from dataclasses import replace

from ibtrain.config import Method, OptimConfig, PlaneConfig, RunConfig
from ibtrain.errors import ConfigError

__all__ = ["SMALL", "VALIDATION_SHARE", "margin_of", "plane_recipe", "recipe", "with_recipes"]

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


SMALL = 10_000
"""Number of training samples below which a data set without a recipe gets that of the digits."""
DIGITS_SAMPLES = 1437
MAX_FACTOR = 10
"""Maximum number by which the epochs of the digits are multiplied."""
MIN_STEPS = 4
"""Steps in an epoch below which batches are smaller than those of the digits, down to :data:`TABLE_BATCH`."""
MARGIN = 0.25
_MARGINS = {"mnist": 0.1}
"""Margins of equivalence, in percentage points; others have :data:`MARGIN`."""
TABLE_EPOCHS = 50
TABLE_BATCH = 32
TABLE_FILES = re.compile(r"(csv|tsv|parquet):.*|.*\.(csv|tsv|parquet)", re.IGNORECASE | re.DOTALL)
"""Names of data sets in tables."""


def recipe(method: Method, dataset: str, count: int | None = None) -> OptimConfig:
    """Returns the optimiser settings of a method for a data set.

    Args:
        method: The method.
        dataset: Name of the data set.
        count: Number of training samples; None if it is not known yet. Without a recipe of its own, a small data set
            gets that of the digits, with so many epochs that it sees as many samples as the digits' training does, and with
            smaller batches if an epoch would have fewer than four steps; and a
            table of unknown length gets its learning rate, small batches, and 50 epochs.

    Raises:
        ConfigError: If the method has no recipe.
    """
    if method not in _DEFAULTS:
        expected = f"a recipe of {', '.join(_DEFAULTS)}, or the optimiser's settings (optim)"
        raise ConfigError(repr(method), expected, "method")
    settings = _BY_DATASET.get((method, dataset), _DEFAULTS[method])
    if (method, dataset) in _BY_DATASET:
        return settings
    digits = _BY_DATASET[method, "digits"]
    if count is None and TABLE_FILES.fullmatch(dataset):
        return replace(digits, batch_size=TABLE_BATCH, epochs=TABLE_EPOCHS)
    if count is None or count >= SMALL:
        return settings
    factor = min(max(1.0, DIGITS_SAMPLES / count), MAX_FACTOR)
    batch_size = min(digits.batch_size, max(TABLE_BATCH, count // MIN_STEPS))
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


def with_recipes(config: RunConfig) -> RunConfig:
    """Returns the run's settings with the data set's recipe for each method whose optimiser is None."""
    return replace(
        config,
        layerwise=config.layerwise or recipe("layerwise", config.dataset),
        end_to_end=config.end_to_end or recipe("end_to_end", config.dataset),
    )
