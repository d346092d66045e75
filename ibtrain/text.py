"""Makes text from untrusted files safe to print on a terminal."""

import shlex
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

__all__ = ["abridged", "command_text", "hint", "printable", "setting_text", "shell_word"]

ELLIPSIS = " ... "
"""Replaces the omitted middle of a text."""
MAX_HINTED = 50
"""Number of characters from which on a word is not compared with names, which would take long."""


def printable(text: str) -> str:
    r"""Replaces each unprintable character by an escape sequence such as ``\x1b`` or ``\n``.

    A name from a file could contain codes that move the cursor, line breaks, or invalid bytes.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def abridged(text: str, longest: int) -> str:
    """Leaves out the middle of a text that is too long.

    Args:
        text: Any text.
        longest: Maximum number of characters of the result; greater than the length of ``ELLIPSIS``.
    """
    if len(text) <= longest:
        return text
    length = longest - len(ELLIPSIS)
    return text[: length // 2] + ELLIPSIS + text[-(length - length // 2) :]


def hint(word: object, names: Iterable[str]) -> str:
    """Returns the question whether the most similar name was meant, or nothing if no name is similar.

    Upper and lower case, and the signs between words, make no difference.

    Args:
        word: What was given instead of a name.
        names: The valid names.

    Example:
        >>> hint("Fashion_MNIST", ["mnist", "fashion-mnist"])
        " (did you mean 'fashion-mnist'?)"
        >>> hint("cats", ["mnist", "fashion-mnist"])
        ''
    """
    if not isinstance(word, str) or len(word) > MAX_HINTED:
        return ""
    plain = {_plain(name): name for name in names}
    similar = get_close_matches(_plain(word), plain, n=1)
    return f" (did you mean {plain[similar[0]]!r}?)" if similar else ""


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character not in "-_ ")


def shell_word(path: str) -> str:
    """Quotes a path as one printable shell word (POSIX) that no command parses as an option."""
    path = f"./{path}" if path.startswith("-") else path
    if path.isprintable():
        return shlex.quote(path)
    # the shell decodes escapes between $' and '; \x is followed by exactly two digits
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}"
        for byte in path.encode(errors="surrogateescape")
    )
    return f"$'{escaped}'"


def command_text(command: Any) -> str:
    """A recorded command as it was typed, without the folder of its program; empty if it is not recorded.

    Args:
        command: The words of the command; anything else is not one.

    Example:
        >>> command_text(["/usr/bin/ibtrain", "compare", "--run-dir", "my runs"])
        "ibtrain compare --run-dir 'my runs'"
        >>> command_text(["/venv/lib/ibtrain/__main__.py", "compare"])
        'python -m ibtrain compare'
    """
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        return ""
    name, *words = command or [""]
    place = Path(name)
    program = f"python -m {place.parent.name}" if place.name == "__main__.py" else place.name
    return " ".join([program, *map(_argument, words)]).strip()


def _argument(word: str) -> str:
    """A word for a shell; an option keeps its hyphens."""
    return word if word.startswith("-") and word.replace("-", "").isalnum() else shell_word(word)


def setting_text(value: Any) -> str:
    """The value of a setting in words.

    Args:
        value: The value.
    """
    if isinstance(value, list | tuple):
        return ",".join(map(setting_text, value)) or "auto"
    return f"{value:g}" if isinstance(value, float) else str(value)
