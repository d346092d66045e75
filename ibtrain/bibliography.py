"""The sources that reports and estimates cite, in BibTeX."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

__all__ = ["all_entries", "entries"]


@cache
def all_entries() -> dict[str, str]:
    """The entries of ``references.bib`` by key."""
    text = (files("ibtrain") / "references.bib").read_text(encoding="utf-8")
    return {
        match[1]: entry
        for entry in text.strip().split("\n\n")
        if (match := re.match(r"@\w+\{(\w+),", entry))
    }


def entries(keys: Iterable[str]) -> list[str]:
    """The BibTeX entries of some keys; a key that occurs twice has one entry.

    Args:
        keys: The keys, such as ``belghazi2018``.
    """
    return [all_entries()[key] for key in dict.fromkeys(keys)]
