"""Text that a terminal can be given, whatever file it came from."""

import shlex

__all__ = ["abridged", "printable", "shell_word"]

GAP = " ... "
"""Stands for what is left out."""


def printable(text: str) -> str:
    r"""The text with each character that isn't printable as an escape such as ``\x1b`` or ``\n``.

    A name from a file could hold codes that move the cursor, line ends, or bytes of no encoding.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def abridged(text: str, longest: int) -> str:
    """The text, without its middle where it has more characters.

    Args:
        text: Any text.
        longest: Characters of the result, at most; more than those of the gap.
    """
    if len(text) <= longest:
        return text
    kept = longest - len(GAP)
    return text[: kept // 2] + GAP + text[-(kept - kept // 2) :]


def shell_word(path: str) -> str:
    """A path as one printable word of a POSIX shell that no command takes for an option."""
    path = f"./{path}" if path.startswith("-") else path
    if path.isprintable():
        return shlex.quote(path)
    # between $' and ' the shell itself reads escapes; \x is followed by exactly two digits
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}"
        for byte in path.encode(errors="surrogateescape")
    )
    return f"$'{escaped}'"
