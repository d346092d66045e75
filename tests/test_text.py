"""Text for a terminal."""

import subprocess

import pytest

from ibtrain.errors import (
    MAX_MESSAGE_LENGTH,
    DataError,
    IBTrainError,
    IBTrainWarning,
    RunFolderError,
)
from ibtrain.text import abridged, printable, shell_word

ODD = "a\x1b[2J\n\t\u202e\udcff"
ESCAPED = "a\\x1b[2J\\n\\t\\u202e\\udcff"


def test_what_is_not_printable_is_escaped() -> None:
    assert printable(ODD) == ESCAPED
    assert printable("a b ± é") == "a b ± é"


@pytest.mark.parametrize("kind", [IBTrainError, IBTrainWarning])
def test_messages_are_printable(kind: type[IBTrainError] | type[IBTrainWarning]) -> None:
    assert str(kind(ODD)) == ESCAPED


def test_every_part_of_an_error_is_one_printable_line() -> None:
    error = RunFolderError(ODD, "a reason\nof two lines", ODD)
    assert str(error) == f"{ESCAPED}: got {ESCAPED}, expected a reason of two lines"


@pytest.mark.parametrize("length", [0, 9, 10, 11, 12, 1000])
def test_a_long_text_keeps_its_start_and_its_end(length: int) -> None:
    text = "".join(chr(ord("a") + index % 26) for index in range(length))
    short = abridged(text, 10)
    assert short == (text if length <= 10 else f"{text[:2]} ... {text[-3:]}")
    assert len(short) == min(length, 10)


def test_no_part_of_a_file_makes_a_message_long() -> None:
    """This holds for each part of an error, even if every character is escaped."""
    huge = "\x1b" * 1_000_000
    for error in (IBTrainWarning(huge), DataError("x", huge, "y"), DataError("x", "y", huge)):
        assert len(str(error)) == MAX_MESSAGE_LENGTH
    assert str(DataError("x", "a number", huge)).endswith("got x, expected a number")


@pytest.mark.parametrize("path", ["a", "-x", "a b'c", "a\nb", "\x1b\\'0", "\udcff1", "-\n", "$x"])
def test_a_word_of_the_shell_is_the_path(path: str) -> None:
    word = shell_word(path)
    assert word.isprintable()
    process = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    output = process.stdout.decode(errors="surrogateescape")
    assert output == (f"./{path}" if path.startswith("-") else path)
