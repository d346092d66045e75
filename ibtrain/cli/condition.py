"""The options of ``ibtrain estimate`` that a condition z has, or excludes."""

from pathlib import Path
from typing import Any

from ibtrain.errors import ConfigError

__all__ = ["condition_options"]

WITHOUT_CONDITION = ("permutations",)
"""Options that shuffle y. This makes x and y independent, but with a condition they must stay dependent on z."""


def condition_options(
    key_z: str | None, arguments: dict[str, Any], curve: Path | None, *, is_matrix: bool = False
) -> tuple[str, ...]:
    """Checks the options that depend on whether there is a z, and removes those that do not apply from ``arguments``.

    Args:
        key_z: Name of z in the file; None without a condition.
        arguments: Options for the estimator.
        curve: File of the training curve.
        is_matrix: Whether all pairs of columns are estimated.

    Returns:
        The name of z, if there is one.

    Raises:
        ConfigError: If an option does not go with the others.
    """
    if key_z is None:
        if arguments.pop("discrete_z", None) is not None:
            raise ConfigError("no --z", "--z KEY, the condition", "--discrete-z or --continuous-z")
        return ()
    if is_matrix:
        raise ConfigError("--z", "no --z (a matrix has no condition)", "--matrix")
    for name in WITHOUT_CONDITION:
        if arguments.pop(name, None):
            expected = "no --z (a shuffled y would not depend on z any more)"
            raise ConfigError("--z", expected, f"--{name}")
    if curve is not None:
        raise ConfigError("--z", "no --z (there is a critic for each term or class)", "--curve")
    return (key_z,)
