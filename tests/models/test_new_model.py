"""A network that this test registers is selected by name, and trained layer-wise and end-to-end."""

import json
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from commands import run
from torch import Tensor, nn

from ibtrain.config import MODELS, ModelConfig


class Residual(nn.Module):
    """A residual layer: the input plus the output of a layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer(x).relu()


def resnet(config: ModelConfig, sample_shape: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """A stem, a residual block for each further hidden width, and an output layer."""
    width = config.hidden[0]
    blocks: OrderedDict[str, nn.Module] = OrderedDict()
    dim = torch.Size(sample_shape).numel()
    blocks["stem"] = nn.Sequential(nn.Flatten(), nn.Linear(dim, width), nn.ReLU())
    for index in range(1, len(config.hidden)):
        blocks[f"residual{index}"] = Residual(width)
    blocks["output"] = nn.Linear(width, num_classes)
    return nn.Sequential(blocks)


def test_it_trains_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "resnet", f"{__name__}:resnet")
    options = "--hidden 32,32,32 --epochs 6 --learning-rate 0.01 --seeds 0 --plane-points 0 --json"
    result = run("compare", "--model", "resnet", *options.split(), "--run-dir", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    results = json.loads(result.stdout)
    for method in ("layerwise", "end_to_end"):
        assert results[method][0]["test_accuracy"] > 0.85
    events = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    stages = {e["stage"] for e in events if e["event"] == "epoch" and e["method"] == "layerwise"}
    assert stages == {"stem", "residual1", "residual2", "output"}


def test_an_unknown_network_is_named(tmp_path: Path) -> None:
    result = run("compare", "--model", "nothing", "--run-dir", tmp_path / "run")
    assert result.exit_code == 2
    assert "'nothing', expected one of mlp, conv" in result.stderr
    assert not (tmp_path / "run").exists()
