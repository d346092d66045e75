"""Text for a terminal."""

import subprocess

import pytest

from ibtrain.errors import IBTrainError, IBTrainWarning, RunFolderError
from ibtrain.text import printable, shell_word

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


@pytest.mark.parametrize("path", ["a", "-x", "a b'c", "a\nb", "\x1b\\'0", "\udcff1", "-\n", "$x"])
def test_a_word_of_the_shell_is_the_path(path: str) -> None:
    word = shell_word(path)
    assert word.isprintable()
    done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    given = done.stdout.decode(errors="surrogateescape")
    assert given == (f"./{path}" if path.startswith("-") else path)
