"""``ibtrain report`` as a user meets it."""

from pathlib import Path

import pytest
from commands import run
from reported import accuracies, write_run

from ibtrain.config import RunConfig


def test_a_run_has_its_page_in_its_folder(tmp_path: Path) -> None:
    write_run(tmp_path / "one")
    result = run("report", tmp_path / "one")
    assert (result.exit_code, result.stderr) == (0, "")
    page = tmp_path / "one" / "report.html"
    assert result.stdout.strip() == str(page)
    assert "<title>one - ibtrain report</title>" in page.read_text()


def test_a_folder_of_runs_is_one_page(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_run(tmp_path / "runs" / name, results=accuracies([0.9, 0.8], [0.9, 0.8]))
    result = run("report", tmp_path / "runs", "-o", tmp_path / "page.html")
    assert (result.exit_code, result.stderr) == (0, "")
    text = (tmp_path / "page.html").read_text()
    assert '"name":"one"' in text
    assert '"name":"two"' in text


def test_several_runs_do_not_replace_the_page_of_the_first(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / name).path for name in ("one", "two")]
    run("report", paths[0])
    before = (paths[0] / "report.html").read_bytes()
    result = run("report", *paths)
    assert result.stdout.strip() == str(paths[0] / "report-runs.html")
    assert (paths[0] / "report.html").read_bytes() == before


def test_a_run_without_any_event_has_a_page(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.mkdir()
    (path / "config.json").write_text(RunConfig().to_json())
    result = run("report", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (path / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "nothing: got no run there, expected a run's folder"),
        (["one", "-o", "page.pdf"], "ending: got '.pdf', expected"),
        (["one", "-o", "none/page.html"], "got no such folder, expected a folder that exists"),
        ([], "Missing argument 'RUN...'"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    write_run(tmp_path / "one")
    monkeypatch.chdir(tmp_path)
    result = run("report", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_broken_event_leaves_the_earlier_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "one")
    run("report", tmp_path / "one")
    page = tmp_path / "one" / "report.html"
    before = page.read_bytes()
    with open(folder.events.path, "a") as file:
        file.write('{"event": "result", "method": "layerwise", "seed": "x"}\n')
    result = run("report", tmp_path / "one")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert page.read_bytes() == before
