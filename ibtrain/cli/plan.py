"""The plan of a sweep: settings that all runs share, values that vary, and cells with a name; from a TOML file and options."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ibtrain.cli.options import combined_config, setting_of, settings_of
from ibtrain.cli.varied import as_numbers, is_real, is_whole
from ibtrain.config import METHODS, RunConfig, read_settings
from ibtrain.config.settings import flattened
from ibtrain.config.space import Range
from ibtrain.errors import ConfigError
from ibtrain.text import hint

__all__ = ["Plan"]

_TABLES = ("vary", "cells", "compare")
_CELL_NAME = re.compile(r"[\w.+-]{1,60}")


@dataclass(frozen=True)
class Plan:
    """What a sweep trains and compares.

    Args:
        base: Settings of all runs, by dotted name.
        vary: Values of the settings that vary, or their ranges, by dotted name.
        cells: Further settings of each named cell.
        baseline: Name of the run with which others are compared.
        compare_by: Dotted names of the setting in which compared runs differ.
        where: The file, for error messages.
    """

    base: Mapping[str, Any] = field(default_factory=dict)
    vary: Mapping[str, Sequence[Any] | Range] = field(default_factory=dict)
    cells: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    baseline: str = ""
    compare_by: Sequence[str] = ()
    where: str = "config"

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Reads a file: settings by their dotted names or the names of their options, and the tables vary, cells and compare.

        Raises:
            ConfigError: If the file can't be read, or a name is unknown.
        """
        values = read_settings(path)
        tables = {name: _table(values.pop(name, {}), f"{path}: {name}") for name in _TABLES}
        cells = {
            name: _settings(_table(settings, f"{path}: cells.{name}"), f"{path}: cells.{name}")
            for name, settings in tables["cells"].items()
        }
        for name in cells:
            if not _CELL_NAME.fullmatch(name):
                expected = "letters, digits and . _ + -, at most 60"
                raise ConfigError(repr(name), expected, f"{path}: cells")
        where = f"{path}: vary"
        vary = {
            name: _varied(name, given, where)
            for name, given in _settings(tables["vary"], where).items()
        }
        compare = tables["compare"]
        for name in compare:
            if name not in ("baseline", "by"):
                expected = f"baseline or by{hint(name, ('baseline', 'by'))}"
                raise ConfigError(repr(name), expected, f"{path}: compare")
        with _within(f"{path}: compare"):
            keys = settings_of(str(compare["by"])) if "by" in compare else []
        return cls(
            _settings(values, str(path)),
            vary,
            cells,
            str(compare.get("baseline", "")),
            keys,
            str(path),
        )

    def config(
        self, settings: Mapping[str, Any], place: str = "", *, has_recipes: bool = True
    ) -> RunConfig:
        """Makes the settings of a run.

        Args:
            settings: Settings by dotted name, besides those that all runs share.
            place: The cell, for error messages.
            has_recipes: Whether the recipes are filled in, which may depend on settings to come.

        Raises:
            ConfigError: If a setting is out of its range.
        """
        where = f"{self.where}: {place}" if place else self.where
        with _within(where):
            values = {**self.base, **settings}
            return combined_config({}, values, where, METHODS, has_recipes=has_recipes)

    def check_once(self, options: Mapping[str, Any]) -> None:
        """Checks that no setting is given where another value of it would hide it: in a cell, or where it varies.

        Args:
            options: Settings of the command line, by dotted name.

        Raises:
            ConfigError: If one is.
        """
        for name in options:
            if name in self.vary:
                raise ConfigError(f"{name}, which varies", "a value, or values to vary", "options")
        for cell, settings in self.cells.items():
            for name in settings:
                place = f"{self.where}: cells.{cell}"
                if name in self.vary:
                    raise ConfigError(f"{name}, which varies", "it in one of both", place)
                if name in options:
                    expected = "it there or as an option, which all runs share"
                    raise ConfigError(f"{name}, which is an option too", expected, place)

    @property
    def settings_within(self) -> list[str]:
        """Dotted names of the settings in which runs must agree to be compared: those that vary, where cells have names."""
        return [name for word in self.vary for name in settings_of(word)] if self.cells else []

    def configs(self) -> dict[str, RunConfig]:
        """The settings of every run by the name of its folder: every combination of values, in each of the cells.

        Raises:
            ConfigError: If a setting is out of its range, or a range has no values.
        """
        from ibtrain.runs.sweep import cell_name, combinations

        values = {}
        for name, given in self.vary.items():
            if isinstance(given, Range):
                raise ConfigError(str(given), "values, or --search with a range", f"vary {name}")
            values[name] = given
        configs = {}
        for cell, settings in (self.cells or {"": {}}).items():
            for varied in combinations(values):
                name = ",".join(filter(None, [cell, cell_name(varied) if varied else ""]))
                place = f"cells.{cell}" if cell else ""
                configs[name] = self.config({**settings, **varied}, place)
        return configs


@contextmanager
def _within(where: str) -> Iterator[None]:
    """Names the place in a file in which a setting is wrong."""
    try:
        yield
    except ConfigError as error:
        place = error.where if error.where.startswith(where) else f"{where}: {error.where}"
        raise ConfigError(error.given, error.expected, place) from error


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(repr(value), "a table of settings", where)
    return dict(value)


def _settings(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Settings by dotted name."""
    settings = {}
    for name, value in flattened(values).items():
        with _within(where):
            setting = "methods" if name == "methods" else setting_of(name)
        if setting in settings:
            raise ConfigError(repr(name), f"{setting} only once", where)
        settings[setting] = _method_names(value) if setting == "methods" else value
    return settings


def _method_names(value: Any) -> Any:
    """The names of methods, which may have dashes as on the command line."""
    words = value if isinstance(value, list) else [value]
    return [word.replace("-", "_") if isinstance(word, str) else word for word in words]


def _varied(name: str, value: Any, where: str) -> Sequence[Any] | Range:
    """A list of values, or a range in words."""
    with _within(where):
        span = Range.parse(value, is_integer=is_whole(name)) if isinstance(value, str) else None
        if span is None and (not isinstance(value, list) or not value):
            expected = "a list of values, such as [0, 1e-3], or a range, such as '1e-4..1e-2:log'"
            raise ConfigError(repr(value), expected, name)
    if span:
        return span
    # the same name of a run, however the number is written
    return [as_numbers(entry) for entry in value] if is_real(name) else value
