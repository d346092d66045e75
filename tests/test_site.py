"""The documentation site builds without a warning, has every public name, and needs no network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ibtrain

pytestmark = pytest.mark.slow
DOCS = Path(ibtrain.__file__).parents[1] / "docs"


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("furo", reason="needs the extra docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", source, target]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site")
    done = build(DOCS, path)
    assert done.returncode == 0, done.stderr
    return path


def test_every_public_name_has_an_entry(site: Path) -> None:
    text = (site / "api.html").read_text()
    assert [name for name in ibtrain.__all__ if f'id="ibtrain.{name}"' not in text] == []


def test_every_page_of_docs_is_there(site: Path) -> None:
    assert {path.stem for path in DOCS.glob("*.md")} <= {path.stem for path in site.glob("*.html")}


def test_nothing_is_loaded_from_the_network(site: Path) -> None:
    for path in site.rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", path.read_text())
        assert tags
        assert [tag for tag in tags if "//" in re.sub(r'href="#[^"]*"', "", tag)] == [], path
    for path in site.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", path.read_text()), path


def test_formulas_are_drawn_by_the_browser_itself(site: Path) -> None:
    text = (site / "api.html").read_text()
    assert "<math " in text
    assert ":math:" not in text


@pytest.mark.parametrize(
    "line",
    ["[page](nowhere.md)", "[anchor](flags.md#nowhere)", "```{eval-rst}\n:func:`nowhere`\n```"],
)
def test_a_broken_link_fails_the_build(line: str, tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_text((DOCS / "conf.py").read_text())
    (source / "index.md").write_text(f"# Title\n\n{line}\n")
    (source / "flags.md").write_text("---\norphan: true\n---\n# Flags\n")
    done = build(source, tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere" in done.stderr
