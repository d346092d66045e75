"""Text that a terminal can be given, whatever file it came from."""

import shlex

__all__ = ["abridged", "printable", "shell_word"]


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
        longest: Characters that are kept, of the start and of the end alike.
    """
    return text if len(text) <= longest else f"{text[: longest // 2]} ... {text[-(longest // 2) :]}"


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
