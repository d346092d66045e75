"""docs/results.md is what its script makes of the records, those of sweeps included."""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from ibtrain.report.comparison import comparison_document
from ibtrain.runs.comparisons import compare_runs
from ibtrain.runs.summary import RunSummary

ROOT = Path(__file__).parents[2]
MODULES = ("page_parts", "results_tables", "sweep_tables", "results_page")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The modules of the script, which is not a part of the package."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    yield {name: import_module(name) for name in MODULES}
    for name in MODULES:
        sys.modules.pop(name)


def arm(name: str, methods: list[str], *accuracies: list[float], failure: str = "") -> RunSummary:
    found = {
        method: {"test": dict(enumerate(values))}
        for method, values in zip(methods, accuracies, strict=False)
    }
    settings = {"methods": methods, "dataset": "digits", "margin": 1.0, "model.hidden": [50, 20]}
    return RunSummary(name, settings, found, failure)  # type: ignore[arg-type]


BOTH = ["layerwise", "end_to_end"]
RUNS = [
    arm("both", BOTH, [0.90, 0.92, 0.91], [0.89, 0.90, 0.905]),
    arm("alone", ["layerwise"], [0.95, 0.96, 0.955]),
    arm("bad|one", ["end_to_end"], failure="the loss is NaN"),
]
ENVIRONMENT = {
    "started": "2026-11-28T16:55:34+00:00", "command": ["/bin/ibtrain", "sweep", "my file.toml", "--json"],
    "python": "3.11.7", "versions": {"ibtrain": "0.1.0", "torch": "2.14.1"}, "platform": "Linux", "cores": 2,
    "device": "cpu", "threads": 1, "git_commit": "abc123",
}  # fmt: skip


def record(**changes: Any) -> str:
    document = comparison_document(RUNS, compare_runs(RUNS, "both"))
    return json.dumps({**document, "environment": ENVIRONMENT, **changes})


def test_the_page_is_what_the_script_writes(scripts: dict[str, Any]) -> None:
    main = scripts["results_page"]
    text = main.page(main.TEMPLATE.read_text())
    is_same = text == (ROOT / "docs" / "results.md").read_text()
    assert is_same, "run python benchmarks/results_page.py"
    assert "@@" not in text


def test_a_template_without_a_table_is_refused(scripts: dict[str, Any]) -> None:
    with pytest.raises(click.ClickException, match=r"needs each of .*; wrong: .*szt"):
        scripts["results_page"].page("@@accuracies@@\n")


def test_a_record_of_a_sweep_becomes_tables(tmp_path: Path, scripts: dict[str, Any]) -> None:
    path = tmp_path / "small-digits.json"
    path.write_text(record())
    text = scripts["sweep_tables"].sweep(path)
    for part in (
        "Record: [small-digits.json]",
        "command: `ibtrain sweep 'my file.toml' --json`",
        "commit: abc123",
        "Python 3.11.7, ibtrain 0.1.0, torch 2.14.1",
        "| `both` | 91.00 ± 1.00 | 89.83 ± 0.76 | 0, 1, 2 | +1.17 (-0.73 to +3.06) |",
        "| `alone` | 95.50 ± 0.50 | - | 0, 1, 2 | - |",
        "| `alone` (layer-wise) | `both` (layer-wise) | 3 | +4.50 (",
        "- alone is better than both by 4.50 points",
        "- `both`: undecided: 3 seeds can't tell layer-wise from end-to-end",
        "| `bad&#124;one` | - | - | failed | - |",
        "- `bad|one` failed: the loss is NaN",
        "`model.hidden=50,20`",
    ):
        assert part in text
    # without it, everything is said to be missing
    path.write_text(record(environment=None))
    text = scripts["sweep_tables"].sweep(path)
    assert "not recorded in it: command, date, commit, versions, machine" in text


def test_a_record_of_a_search_has_its_budget(tmp_path: Path, scripts: dict[str, Any]) -> None:
    tried = {"name": "layerwise-0001", "settings": {"beta": 0.1}, "seeds": {"0": 0.9, "1": 0.92}}
    found = {"trials": 20, "failed": 1, "epochs": 200, "seconds": 3.0, "tried": [tried]}
    path = tmp_path / "search.json"
    path.write_text(json.dumps({"methods": {"layerwise": found}, "final": json.loads(record())}))
    text = scripts["sweep_tables"].sweep(path)
    assert "| layer-wise | 20 | 1 | 200 | `beta=0.1` | 91.00 ± 1.41 |" in text
    assert "- alone is better than both by 4.50 points" in text


def test_another_file_is_no_record(tmp_path: Path, scripts: dict[str, Any]) -> None:
    path = tmp_path / "other.json"
    for text in ("{", "[]", "{}"):
        path.write_text(text)
        with pytest.raises(
            click.ClickException, match=r"other\.json: expected what ibtrain sweep --json prints"
        ):
            scripts["sweep_tables"].sweep(path)
