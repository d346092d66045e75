"""An objective that only this file knows: a class and a name are all that it takes."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from commands import run
from torch import Tensor, nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import OBJECTIVES, ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import ModelError
from ibtrain.models.mlp import mlp
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.objectives import BlockObjective, BlockSpec
from ibtrain.train.objectives.base import Metrics
from ibtrain.train.objectives.critics import class_critic


class Prototypes(BlockObjective):
    """Each class has a point in the space of h; the block brings its samples near to it."""

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        readout = class_critic(spec.shape, spec.num_classes, hidden=[])
        super().__init__(block, readout, noise_shapes=[()])
        self.margin = config.for_blocks("noise_std", spec.count)[spec.index]

    def loss(self, x: Tensor, h: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, Metrics]:
        scores = self.scores(h).log_softmax(1)
        weights = 1 + self.margin * noise[0].square()
        loss = -(weights * scores.gather(1, y.unsqueeze(1)).squeeze(1)).mean()
        return loss, {"prototype_loss": loss.detach()}


def test_it_trains_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OBJECTIVES, "prototypes", f"{__name__}:Prototypes")
    folder = tmp_path / "run"
    options = [
        "--epochs",
        "8",
        "--learning-rate",
        "0.02",
        "--seeds",
        "0",
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
    assert len(hidden) == 16
    assert all("prototype_loss" in e and "mi_hy" not in e for e in hidden)
    # it goes on with the same objective, and is shown what it was
    assert run("train", "layerwise", "--objective", "prototypes", *options,
               "--run-dir", folder).exit_code == 0  # fmt: skip


def test_an_unknown_objective_is_named(tmp_path: Path) -> None:
    done = run("train", "layerwise", "--objective", "nothing", "--run-dir", tmp_path / "run")
    assert done.exit_code == 2
    assert "'nothing', expected one of ib, cross-entropy" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", [*OBJECTIVES, "prototypes"])
def test_every_objective_trains_several_networks_as_one(
    toy: Dataset, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on an accelerator."""
    monkeypatch.setitem(OBJECTIVES, "prototypes", f"{__name__}:Prototypes")
    # Adam divides a gradient by its own size, and so makes rounding errors of small ones as large as any
    optim = OptimConfig(epochs=1, batch_size=50, optimizer="sgd", learning_rate=0.003)
    config = ObjectiveConfig(name=name)

    def trainers() -> list[LayerwiseTrainer]:
        models = []
        for seed in (0, 1):
            with seeded(seed, "test"):
                models.append(mlp(toy.dim_x, (16, 8), toy.num_classes))
        return [LayerwiseTrainer(m, config, optim, seed=seed) for seed, m in enumerate(models)]

    expected = fit_ensemble(trainers(), toy)
    monkeypatch.setattr("ibtrain.backend.ensemble.NETWORKS_AT_ONCE", 2)
    monkeypatch.setattr("ibtrain.backend.ensemble.SMALL", 1 << 20)
    for found, alone in zip(fit_ensemble(trainers(), toy), expected, strict=True):
        for one, other in zip(found.history, alone.history, strict=True):
            assert one.metrics == pytest.approx(other.metrics, abs=1e-4)


class Careless(BlockObjective):
    """Gives what its test has it give."""

    loss_shape: tuple[int, ...] = ()
    metrics: ClassVar[dict[str, object]] = {}

    def __init__(self, block: nn.Module, spec: BlockSpec, config: ObjectiveConfig) -> None:
        super().__init__(block, class_critic(spec.shape, spec.num_classes, hidden=[]))

    def loss(self, x: Tensor, h: Tensor, y: Tensor, *noise: Tensor) -> tuple[Tensor, Metrics]:
        return h.mean().expand(self.loss_shape), self.metrics  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("shape", "metrics", "message"),
    [
        ((4,), {}, r"Careless: got loss of shape \(4,\), expected a tensor without dimensions"),
        ((), {"sum": 1.5}, "Careless: got sum: a float, expected a tensor without dimensions"),
        ((), {"epoch": torch.zeros(())}, "Careless: got a metric called epoch, expected a name"),
    ],
)
def test_what_an_objective_gives_is_checked(
    toy: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int, ...],
    metrics: dict[str, object],
    message: str,
) -> None:
    monkeypatch.setitem(OBJECTIVES, "careless", f"{__name__}:Careless")
    monkeypatch.setattr(Careless, "loss_shape", shape)
    monkeypatch.setattr(Careless, "metrics", metrics)
    model = mlp(toy.dim_x, (8,), toy.num_classes)
    with pytest.raises(ModelError, match=message):
        LayerwiseTrainer(model, ObjectiveConfig(name="careless")).fit(toy)
