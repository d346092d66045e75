"""The bench command."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ibtrain.cli.main import cli

FAST = ["bench", "--only", "channel 1000"]


@pytest.fixture(autouse=True)
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibtrain.bench.machine.MATRIX_SIZE", {"cpu": 64})
    monkeypatch.setattr("ibtrain.bench.machine.COPY_BYTES", 1 << 16)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_a_record_is_kept_and_compared_with(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    first = run(*FAST, "-o", path)
    assert first.exit_code == 0
    record = json.loads(path.read_text())
    assert [row["name"] for row in record["rows"]] == ["channel 1000 x 500"]
    assert {"environment", "machine", "rows"} <= set(record)
    assert record["environment"]["threads"] == 1
    # an earlier record in which the case took a hundred times as long
    record["rows"][0]["seconds"]["median"] *= 100
    path.write_text(json.dumps(record))
    second = run(*FAST, "--compare", path)
    *_, last = second.stdout.splitlines()
    assert "speed-up" in second.stdout
    assert float(last.split()[-1]) > 10


def test_json_is_one_document() -> None:
    result = run(*FAST, "--json")
    assert json.loads(result.stdout)["rows"][0]["flops"] > 0
    assert "channel 1000 x 500" in result.stderr


def test_cases_are_listed_without_timing_them() -> None:
    result = run("bench", "--list", "--only", "tracking")
    assert result.exit_code == 0
    assert all(line.startswith("tracking") for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "nothing of the kind"), "--list"),
        (("--only", "channel", "--threads", "0"), "--threads"),
        ((*FAST[1:], "--compare", "missing.json"), "missing.json"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = run("bench", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"rows": [1]}')
    result = run(*FAST, "--compare", path)
    assert result.exit_code == 2
    assert "other.json" in result.stderr
