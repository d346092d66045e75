"""Examples in docstrings give the output that they show."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import ibtrain

PACKAGE = Path(ibtrain.__file__).parent
WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>>" in path.read_text()]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_examples_show_what_happens(path: Path) -> None:
    name = ".".join(("ibtrain", *path.relative_to(PACKAGE).with_suffix("").parts))
    results = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0
    assert results.failed == 0
