"""Settings of the documentation site, which `sphinx-build -W docs docs/_build` writes.

The pages need no network: formulas become MathML, and links to files that are no pages become plain text.
"""

import re
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from ibtrain import __version__

project = "ibtrain"
author = "ibtrain developers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = True
# annotations name types of other libraries, and shapes
nitpick_ignore_regex = [("py:class", ".*")]

html_theme = "furo"
html_title = f"ibtrain {__version__}"
html_math_renderer = "mathml"
html_show_sphinx = html_show_copyright = html_copy_source = False

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
autoclass_content = "class"
napoleon_numpy_docstring = False
myst_heading_anchors = 4

PAGES = {"CONTRIBUTING.md": "contributing.md", "benchmarks/records/README.md": "records.md"}
"""Pages of files outside of docs/."""
ROOT = Path(__file__).resolve().parents[1]


def relink(text: str, folder: Path) -> str:
    """Points relative links of a file to pages, and removes those to files that are no pages.

    Args:
        text: The file's Markdown.
        folder: Folder that the links are relative to.
    """

    def replace(match: re.Match[str]) -> str:
        label, target, anchor = match.groups()
        path = (folder / target).resolve()
        if not path.exists() or not path.is_relative_to(ROOT):
            # left as it is, so that the build fails
            return match.group()
        page = PAGES.get(str(path.relative_to(ROOT)))
        if page is None and path.parent == ROOT / "docs":
            page = path.name
        return f"[{label}]({page}{anchor or ''})" if page else label

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([\w./-]+)(#[\w-]+)?\)", replace, text)


def _relink_page(app: Sphinx, name: str, content: list[str]) -> None:
    del app, name
    content[0] = relink(content[0], ROOT / "docs")


def _relink_included(app: Sphinx, path: Path, parent: str, content: list[str]) -> None:
    del app, parent
    content[0] = relink(content[0], (ROOT / "docs" / path).parent)


def _inline_math(translator: nodes.NodeVisitor, node: nodes.math) -> None:
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _block_math(translator: nodes.NodeVisitor, node: nodes.math_block) -> None:
    translator.body.append(convert(node.astext(), display="block"))
    raise nodes.SkipNode


def _link_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Resolves a reference that names another module than the entry in the reference does."""
    domain = env.domains.python_domain
    name = node["reftarget"].rpartition(".")[2]
    for target in domain.objects:
        if target.rpartition(".")[2] == name:
            page = node["refdoc"]
            return domain.resolve_xref(env, page, app.builder, "obj", target, node, content)
    return None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _relink_page)
    app.connect("missing-reference", _link_by_last_name)
    app.connect("include-read", _relink_included)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
