"""Makes text from untrusted files safe to print on a terminal."""

import shlex

__all__ = ["abridged", "printable", "shell_word"]

ELLIPSIS = " ... "
"""Replaces the omitted middle of a text."""


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
