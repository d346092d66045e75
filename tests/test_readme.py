"""The README's Python runs as it stands, one block after another."""

import re
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
def test_every_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert len(BLOCKS) > 10
    assert names["result"].score(names["x"], names["y"]) > 0.9
    assert (names["labels"] == names["again"].predict(names["x"])).all()
    assert names["probabilities"].shape == (178, 3)
    assert names["given"].mi == pytest.approx(1.0, abs=0.01)
    assert {path.name for path in tmp_path.iterdir()} >= {
        "network.pt",
        "plane.png",
        "log.csv",
        "runs",
    }
    assert "beta" in printed
