"""Text that a terminal or a picture can be given, whatever file it came from."""

__all__ = ["printable"]


def printable(text: str) -> str:
    """The text, with what isn't printable (but for ends of lines) as ``\\x1b``: a name could hold codes
    that move the cursor, or bytes that no encoding has.
    """
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode()
        for character in text
    )
