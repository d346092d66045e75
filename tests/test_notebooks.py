"""The notebooks run as they stand, and are stored without what they print."""

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples" / "notebooks").glob("*.ipynb"))


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_there_are_five() -> None:
    assert [path.stem[0] for path in NOTEBOOKS] == list("12345")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(path: Path) -> None:
    document = read(path)
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    # ids that stay, so that a change of a cell is a change of that cell alone
    names = [
        f"{path.stem.replace('_', '-')}-{number + 1}" for number in range(len(document["cells"]))
    ]
    assert [cell["id"] for cell in document["cells"]] == names
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    # as this file's own formatting would be written again
    assert (
        path.read_text(encoding="utf-8")
        == json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_ends_in_a_picture(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("ipykernel")
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    errors = [o.text for o in outputs if o.output_type == "stream" and "Warning" in o.text]
    assert not errors
    pictures = [
        output
        for output in notebook.cells[-1].outputs
        if "image/png" in output.get("data", {})
        or "data:image/png" in output.get("data", {}).get("text/html", "")
    ]
    # once, and not twice
    assert len(pictures) == 1
