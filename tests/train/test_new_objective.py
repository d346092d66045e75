"""An objective that only this file knows: a class and a name are all that it takes."""

import json
from pathlib import Path

import pytest
from commands import run
from torch import Tensor, nn

from ibtrain.config import OBJECTIVES, ObjectiveConfig
from ibtrain.train.objectives import BlockObjective, BlockSpec
from ibtrain.train.objectives.base import Metrics
from ibtrain.train.objectives.critics import class_critic


class Prototypes(BlockObjective):
    """Each class has a point in the space of h; the block brings its samples near to it."""

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        readout = class_critic(spec.shape, spec.num_classes, hidden=[])
        super().__init__(block, readout, noise_shapes=[()])
        self.margin = config.noise_std[0]

    def loss(self, x: Tensor, h: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, Metrics]:
        scores = self.scores(h).log_softmax(1)
        weights = 1 + self.margin * noise[0].square()
        loss = -(weights * scores.gather(1, y.unsqueeze(1)).squeeze(1)).mean()
        return loss, {"prototype_loss": loss.detach()}


@pytest.mark.parametrize("seeds", ["0", "0,1"])
def test_it_trains_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: str
) -> None:
    monkeypatch.setitem(OBJECTIVES, "prototypes", f"{__name__}:Prototypes")
    folder = tmp_path / "run"
    options = [
        "--epochs",
        "8",
        "--learning-rate",
        "0.02",
        "--seeds",
        seeds,
        "--hidden",
        "32,16",
        "--plane-points",
        "0",
    ]
    done = run(
        "train", "layerwise", "--objective", "prototypes", *options, "--run-dir", folder, "--json"
    )
    assert done.exit_code == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["objective"]["name"] == "prototypes"
    assert all(own["test_accuracy"] > 0.85 for own in results["layerwise"])
    events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    hidden = [e for e in events if e["event"] == "epoch" and e["stage"] != "output"]
    assert len(hidden) == 16 * len(seeds.split(","))
    assert all("prototype_loss" in e and "mi_hy" not in e for e in hidden)
    # it goes on with the same objective, and is shown what it was
    assert run("train", "layerwise", "--objective", "prototypes", *options,
               "--run-dir", folder).exit_code == 0  # fmt: skip


def test_an_unknown_objective_is_named(tmp_path: Path) -> None:
    done = run("train", "layerwise", "--objective", "nothing", "--run-dir", tmp_path / "run")
    assert done.exit_code == 2
    assert "'nothing', expected one of ib, cross-entropy" in done.stderr
    assert not (tmp_path / "run").exists()
