"""The architecture's rules: imports point down, files are small, and importing the package is cheap."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ibtrain

PACKAGE = Path(ibtrain.__file__).parent
LAYERS = (
    {"bibliography", "lazy", "text"},
    {"errors"},
    {"checks"},
    {"io"},
    {"backend"},
    {"config"},
    {"data", "mi", "models"},
    {"train"},
    {"plane", "sklearn"},
    {"bench", "loggers", "runs"},
    {"report"},
    {"cli"},
    {"__main__"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
SAME_LAYER = {("models", "data")}
"""Packages of one layer of which the first may import the second."""


def package_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def module(path: Path) -> str:
    """A file's name as it is imported."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("ibtrain", *(part for part in parts if part != "__init__")))


def modules_of(path: Path) -> set[str]:
    """What a file of the package imports when it is imported, itself aside."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports(path: Path) -> set[str]:
    """The packages that a file imports, at its top or in a function."""
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
    here = package_of(path)
    for other in imports(path) - {here}:
        down = LEVEL[other] < LEVEL[here]
        beside = (here, other) in SAME_LAYER
        assert down or beside, f"{here} imports {other}"


def test_only_reports_draw() -> None:
    users = {package_of(path) for path in FILES if "matplotlib" in path.read_text()}
    # backend/environment.py names its version, and draws nothing
    assert users <= {"report", "backend"}


def test_no_two_files_of_a_package_import_each_other() -> None:
    """However long the way round is."""
    graph = {module(path): modules_of(path) for path in FILES}
    graph = {name: {m for m in used if m in graph and m != name} for name, used in graph.items()}
    while leaves := [name for name, used in graph.items() if not used]:
        for leaf in leaves:
            del graph[leaf]
        graph = {name: used - set(leaves) for name, used in graph.items()}
    assert not graph


def test_the_table_of_contributing_has_the_layers() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", text, re.MULTILINE)
    table = {int(layer): {*re.findall(r"`(\w+)", packages)} for layer, packages in rows}
    assert table == dict(enumerate(LAYERS))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_are_small(path: Path) -> None:
    """A function is counted without its docstring."""
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            assert node.end_lineno is not None
            assert node.end_lineno - first.lineno < 50, node.name


def loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    modules = loaded("import ibtrain")
    assert "ibtrain" in modules
    assert not modules & {"torch", "torchvision", "matplotlib", "sklearn", "click", "pandas"}


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
