"""Parts of the results page that all its tables share: Markdown tables, and where a record comes from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from ibtrain.report.table import spread
from ibtrain.text import command_text

__all__ = ["RECORDS", "markdown_table", "percent", "provenance"]

RECORDS = Path(__file__).parent / "records"


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is its heading.

    Args:
        rows: The cells.
    """
    first, *others = [
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows
    ]
    return "\n".join([first, "|" + "---|" * len(rows[0]), *others])


def percent(values: Sequence[float]) -> str:
    """Mean ± standard deviation of shares, in percent; a dash of none.

    Args:
        values: The shares.
    """
    return spread([100 * value for value in values]) if values else "-"


def ratio(first: Sequence[float], second: Sequence[float]) -> str:
    """Two means of seconds with their standard deviations, and the ratio of the means.

    Args:
        first: The seconds.
        second: The seconds that are divided by.
    """
    return f"{spread(first, 1)} s / {spread(second, 1)} s = {mean(first) / mean(second):.2f}"


def provenance(path: Path, environment: Mapping[str, Any] | None) -> str:
    """A paragraph on the command, date, commit, versions and machine of a record; what it lacks is said.

    Args:
        path: The record, in the folder of records.
        environment: What it says of them; None if it says nothing.
    """
    name = path.relative_to(RECORDS) if path.is_relative_to(RECORDS) else Path(path.name)
    link = f"Record: [{path.name}](../benchmarks/records/{name.as_posix()})"
    found = environment or {}
    parts = {
        "command": _command(found.get("command")),
        "date": str(found.get("started") or "")[:19].replace("T", " "),
        "commit": str(found.get("git_commit") or ""),
        "versions": _versions(found),
        "machine": _machine(found),
    }
    words = [link, *(f"{name}: {text}" for name, text in parts.items() if text)]
    missing = [name for name, text in parts.items() if not text]
    if missing:
        words.append(f"not recorded in it: {', '.join(missing)}")
    return f"*{'; '.join(words)}.*"


def _command(words: Any) -> str:
    text = command_text(words)
    is_script = text.partition(" ")[0].endswith(".py")
    return f"`{'python benchmarks/' * is_script}{text}`" if text else ""


def _versions(environment: Mapping[str, Any]) -> str:
    versions = environment.get("versions")
    if not versions:
        return ""
    return ", ".join(
        f"{name} {version}"
        for name, version in {"Python": environment.get("python", "?"), **versions}.items()
    )


def _machine(environment: Mapping[str, Any]) -> str:
    if "platform" not in environment:
        return ""
    words = [str(environment["platform"])]
    for key, word in {"cores": "cores", "device": "device", "threads": "threads"}.items():
        if environment.get(key) is not None:
            words.append(f"{word} {environment[key]}")
    return ", ".join(words)
