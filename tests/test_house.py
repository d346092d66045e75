"""The house's own rules: imports point down, and starting up costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ibtrain

PACKAGE = Path(ibtrain.__file__).parent
FLOORS = (
    {"lazy", "replay", "text"},
    {"errors"},
    {"documents"},
    {
        "checks",
        "environment",
        "files",
        "foreign",
        "gradients",
        "hashing",
        "memory",
        "openmp",
        "optim",
        "precision",
    },
    {"lock"},
    {"config", "interval", "seeding", "stack"},
    {"recipes", "device", "mi", "models", "data"},
    {"train"},
    {"plane", "states"},
    {"checkpoints"},
    {"runs", "bench"},
    {"report"},
    {"cli"},
)
LEVEL = {name: level for level, floor in enumerate(FLOORS) for name in floor}
BESIDE = {("models", "data")}
"""Neighbours on one floor of which the first may use the second."""


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """The rooms of the package that a file imports, wherever in the file."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
    return {name.split(".")[1] for name in modules if name.startswith("ibtrain.")}


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    for other in imports(path) - {here}:
        down = LEVEL[other] < LEVEL[here]
        beside = (here, other) in BESIDE
        assert down or beside, f"{here} imports {other}"


def test_only_reports_draw() -> None:
    users = {room(path) for path in FILES if "matplotlib" in path.read_text()}
    # environment.py names its version, and draws nothing
    assert users <= {"report", "environment"}


def loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    modules = loaded("import ibtrain")
    assert "ibtrain" in modules
    assert not modules & {"torch", "torchvision", "matplotlib", "sklearn", "click"}


def test_help_does_not_load_torch() -> None:
    code = (
        "from ibtrain.cli.main import cli\ntry: cli(['compare', '--help'])\nexcept SystemExit: pass"
    )
    modules = loaded(code)
    assert "click" in modules
    assert not modules & {"torch", "matplotlib", "sklearn", "numpy"}


@pytest.mark.parametrize("name", ibtrain.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(ibtrain, name).__doc__


def test_the_library_and_the_lazy_names_agree() -> None:
    assert set(ibtrain.__all__) == set(ibtrain._HOMES)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ibtrain.nothing
