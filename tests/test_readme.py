"""The README's Python runs as it stands, one block after another."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
CHECKS = """
assert result.score(x, y) > 0.9
assert (labels == again.predict(x)).all()
assert probabilities.shape == (178, 3)
assert abs(given.mi - 1) < 0.01
"""


@pytest.mark.slow
def test_every_block_runs(tmp_path: Path) -> None:
    assert len(BLOCKS) > 10
    # in a process of its own, where shapes are not checked, which would take five times as long
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*BLOCKS, CHECKS])],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "beta" in done.stdout
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"network.pt", "plane.png", "log.csv", "runs"}
