"""Settings, environment and commands of a run in the document of a page."""

import os
from typing import Any

from ibtrain.config import METHODS, RunConfig
from ibtrain.config.settings import flattened
from ibtrain.errors import RunFolderError, UnreadableError
from ibtrain.report.page.run import ReportedRun
from ibtrain.text import abridged, command_text, printable, shell_word

__all__ = ["about", "flat"]

MAX_TEXT = 2000
"""Maximum number of characters of a value."""


def about(run: ReportedRun) -> dict[str, Any]:
    """Settings and environment as texts, and the commands of a run."""
    environment = _environment(run)
    return {
        "config": flat(run.config.to_dict()),
        "environment": flat({k: v for k, v in environment.items() if k != "command"}),
        "settings": run.config.to_json(),
        "command": abridged(command_text(environment.get("command")), MAX_TEXT),
        "repeat": f"{_command(run.config)} --config {shell_word(os.fspath(run.folder.path / 'config.json'))}",
    }


def flat(values: dict[str, Any]) -> list[list[str]]:
    """Nested settings as pairs of a name, whose parts are joined by dots, and a text."""
    return [
        [abridged(printable(name), MAX_TEXT), _text(value)]
        for name, value in flattened(values).items()
    ]


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return abridged(", ".join(_text(item) for item in value), MAX_TEXT) or "-"
    words = {None: "-", True: "yes", False: "no"}
    is_word = value is None or isinstance(value, bool)
    return words[value] if is_word else abridged(printable(str(value)), MAX_TEXT)


def _environment(run: ReportedRun) -> dict[str, Any]:
    try:
        return run.folder.read_json("environment.json")
    except UnreadableError:
        raise
    except RunFolderError:
        # missing or broken: no result depends on this file
        return {}


def _command(config: RunConfig) -> str:
    if set(config.methods) == set(METHODS):
        return "ibtrain compare"
    return f"ibtrain train {config.methods[0].replace('_', '-')}"
