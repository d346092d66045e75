"""docs/flags.md has an entry for every flag and every warning, and for nothing else."""

import ast
import re
from pathlib import Path

import pytest

import ibtrain
from ibtrain.mi.result import FLAGS
from ibtrain.train.divergence import DIVERGING

PACKAGE = Path(ibtrain.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "flags.md").read_text()
FLAG_PART, _, WARNING_PART = PAGE.partition("\n## Warnings\n")
TREES = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def words_in(node: ast.AST) -> set[str]:
    return {
        inner.value
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value
    }


def emitted() -> set[str]:
    """Words in tuples and lists that are assigned, passed or appended to ``flags``."""
    words: set[str] = set()
    for tree in TREES.values():
        for node in ast.walk(tree):
            value = getattr(node, "value", None)
            is_flags = (
                (isinstance(node, ast.keyword) and node.arg == "flags")
                or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "flags")
                or (isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "flags")
            )
            is_appended = (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "flags.append"
                and node.args
            )
            for inner in ast.walk(value) if is_flags and value is not None else ():
                if isinstance(inner, ast.Tuple | ast.List):
                    words |= words_in(inner)
            if is_appended:
                words |= words_in(node.args[0])
    return words


def test_every_flag_has_an_entry_and_an_advice() -> None:
    entries = re.findall(r"^### `(\w+)`\n(.+?)(?=^##|\Z)", FLAG_PART, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in entries] == [*sorted(FLAGS), DIVERGING]
    for name, text in entries:
        assert "**Meaning.**" in text, name
        assert "**What to do.**" in text, name


def test_no_flag_is_emitted_that_has_no_explanation() -> None:
    words = emitted()
    # the scan finds most of them; the rest has a name for its word
    assert len(words & set(FLAGS)) >= 8
    assert words <= set(FLAGS)


def test_every_warning_has_an_entry() -> None:
    calls = [
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warn"
    ]
    headings = re.findall(r"^### (.+)$", WARNING_PART, re.MULTILINE)
    assert len(headings) == len(calls)
    assert WARNING_PART.count("**What to do.**") == len(headings)


@pytest.mark.parametrize("words", re.findall(r"^### `([^`]+)`$", WARNING_PART, re.MULTILINE))
def test_a_warning_has_these_words(words: str) -> None:
    texts = [
        "".join(text.value for text in ast.walk(node) if isinstance(text, ast.Constant) and isinstance(text.value, str))
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
    ]  # fmt: skip
    assert any(words in text for text in texts)


def test_its_options_exist() -> None:
    from commands import run

    shown = "".join(
        run(*command, "--help").stdout for command in (["compare"], ["estimate"], ["train", "layerwise"])
    )  # fmt: skip
    missing = {flag for flag in re.findall(r"`?(--[a-z-]+)", PAGE) if flag not in shown}
    assert not missing
