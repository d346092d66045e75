"""What runs on the CPU runs on a device beside it, says the same, and has nothing cross in a step.

The device is made of the CPU (``elsewhere/device.cpp``), but refuses tensors of the host as a GPU does.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "elsewhere" / "run.py"


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("c++") and shutil.which("ninja")), reason="needs a C++ compiler and ninja"
)
def test_a_device_beside_the_host_says_the_same(tmp_path: Path) -> None:
    environment = {**os.environ, "TORCH_EXTENSIONS_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert len(found) > 30
    for name, case in found.items():
        assert case["elsewhere"] == pytest.approx(case["cpu"], rel=1e-4, abs=1e-4), name
        assert case["crossed"] == 0, name
        assert case["steps"] > 0 or name == "channel_bounds", name
