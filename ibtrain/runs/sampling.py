"""Proposes settings for a trial of a search, given what the trials before it have shown."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import numpy as np

from ibtrain.checks import check_choice
from ibtrain.config.space import SAMPLERS, Range
from ibtrain.errors import ConfigError

__all__ = ["Space", "check_sampler", "grid", "grid_size", "propose", "random_settings"]

Space = Mapping[str, Sequence[Any] | Range]
"""Values or ranges of settings, by dotted name."""
STARTUP_TRIALS = 5
"""Number of trials that are drawn at random before the tree-structured Parzen estimator."""
MAX_DRAWS = 1000
"""Maximum number of random draws for settings that no trial has had."""


def check_sampler(sampler: str, space: Space) -> None:
    """Checks that a sampler is installed, and can search a space.

    Raises:
        ConfigError: If it can't.
    """
    check_choice("sampler", sampler, SAMPLERS)
    for name, values in space.items():
        if sampler == "grid" and isinstance(values, Range):
            raise ConfigError(str(values), "a list of values for a grid", f"vary {name}")
    if sampler != "grid":
        _optuna()


def grid_size(space: Space) -> int | None:
    """Number of combinations of the values; None if a setting has a range."""
    counts = [len(values) for values in space.values() if not isinstance(values, Range)]
    return math.prod(counts) if len(counts) == len(space) else None


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Returns all combinations of the values of lists, in order."""
    lists = [values for values in space.values() if not isinstance(values, Range)]
    return (dict(zip(space, values, strict=True)) for values in product(*lists))


def random_settings(space: Space, seed: int) -> Iterator[dict[str, Any]]:
    """Returns random settings without end.

    Args:
        space: The space.
        seed: Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    while True:
        yield {
            name: (int if values.is_integer else float)(rng.uniform(values.low, values.high))
            if isinstance(values, Range)
            else values[int(rng.integers(len(values)))]
            for name, values in space.items()
        }


def propose(
    space: Space,
    sampler: str,
    seed: int,
    number: int,
    tried: Sequence[tuple[Mapping[str, Any], float]],
    begun: Sequence[Mapping[str, Any]] = (),
    is_possible: Callable[[Mapping[str, Any]], bool] = lambda settings: True,
) -> dict[str, Any]:
    """Proposes the settings of a trial; the same arguments give the same settings.

    Args:
        space: The space.
        sampler: ``tpe``, Optuna's tree-structured Parzen estimator; ``random``; or ``grid``, all combinations in order.
        seed: Seed of the search.
        number: Number of the trial, from 0.
        tried: Settings and value of the finished trials; larger values are better.
        begun: Settings of the trials that are not finished.
        is_possible: Whether settings go together; a grid has also those that don't.

    Returns:
        The settings, by dotted name; settings that a trial has had are not proposed again, because the same run gives the same
        value.

    References:
        Bergstra et al. (NeurIPS 24, 2011); Akiba et al. (KDD 2019).
    """
    if sampler == "grid":
        return next(islice(grid(space), number, None))
    optuna = _optuna()
    # every trial has its own stream, so that it doesn't matter which process proposes it
    stream = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=stream)
        if sampler == "random"
        else optuna.samplers.TPESampler(seed=stream, n_startup_trials=STARTUP_TRIALS),
    )
    distributions = {name: _distribution(optuna, values) for name, values in space.items()}
    known = [{name: _position(space[name], given[name]) for name in space} for given, _ in tried]
    for params, (_, value) in zip(known, tried, strict=True):
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, value=value)
        )
    known += [{name: _position(space[name], given[name]) for name in space} for given in begun]
    proposed = study.ask(distributions).params
    rng = np.random.default_rng(stream)
    drawn = proposed
    for _ in range(MAX_DRAWS):
        settings = {name: _value(space[name], drawn[name]) for name in space}
        if drawn not in known and is_possible(settings):
            return settings
        # of a range, the proposed number stays
        drawn = {
            name: proposed[name] if isinstance(values, Range) else int(rng.integers(len(values)))
            for name, values in space.items()
        }
    return {name: _value(space[name], proposed[name]) for name in space}


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        expected = "Optuna to be installed (pip install 'ibtrain[search]'), or --sampler grid"
        raise ConfigError("no Optuna", expected, "search") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _distribution(optuna: Any, values: Sequence[Any] | Range) -> Any:
    """The distribution of a setting; of a list, that of its positions, because values may be lists."""
    if not isinstance(values, Range):
        return optuna.distributions.CategoricalDistribution(range(len(values)))
    if values.is_integer:
        return optuna.distributions.IntDistribution(
            int(values.low), int(values.high), log=values.is_log
        )
    return optuna.distributions.FloatDistribution(values.low, values.high, log=values.is_log)


def _position(values: Sequence[Any] | Range, value: Any) -> Any:
    """A value as the distribution has it; JSON has turned tuples into lists."""
    if isinstance(values, Range):
        return value
    return [_listed(known) for known in values].index(_listed(value))


def _value(values: Sequence[Any] | Range, position: Any) -> Any:
    return position if isinstance(values, Range) else values[position]


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
