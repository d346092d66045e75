"""A trainer for several processes is one class: each rank trains on its share of the samples."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, distributed, multiprocessing, nn
from toys import gaussian_classes

from ibtrain.config import OptimConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import ModelError, RunFolderError
from ibtrain.runs.checkpoints import Checkpoints
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.objectives import BlockSpec, Objective

RANKS = 2
OPTIM = OptimConfig(learning_rate=1e-2, batch_size=1000, epochs=4)
"""One batch an epoch: a rank's share of it is all of its samples."""


class DistributedTrainer(EndToEndTrainer):
    """Averages gradients over the ranks as soon as a backward pass has them."""

    def objective_of(self, part: nn.Sequential, specs: Mapping[str, BlockSpec]) -> Objective:
        objective = super().objective_of(part, specs)
        for parameter in objective.parameters():
            parameter.register_post_accumulate_grad_hook(average)
        return objective


def average(parameter: Tensor) -> None:
    assert parameter.grad is not None
    distributed.all_reduce(parameter.grad)
    parameter.grad /= RANKS


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def share(data: Dataset, rank: int) -> Dataset:
    """Every other training sample."""
    train = Split(data.train.x[rank::RANKS], data.train.y[rank::RANKS])
    return Dataset(data.name, train, data.test, data.num_classes)


def work(rank: int, folder: str, trainer: type[EndToEndTrainer]) -> None:
    """What each process does."""
    # before the group is made, which the defaults of the module would keep: its threads may abort the process at its exit
    importlib.import_module("torch.distributed.nn.functional")
    torch.set_num_threads(1)
    store = distributed.FileStore(f"{folder}/store", RANKS)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=RANKS)
    result = trainer(network(), OPTIM).fit(share(gaussian_classes(), rank))
    torch.save(result.network.state_dict(), f"{folder}/rank{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trainer", "is_same"),
    [(DistributedTrainer, True), (EndToEndTrainer, False)],
)
def test_ranks_train_the_network_that_one_process_trains(
    tmp_path: Path, trainer: type[EndToEndTrainer], is_same: bool
) -> None:
    multiprocessing.spawn(work, (str(tmp_path), trainer), nprocs=RANKS)
    expected = EndToEndTrainer(network(), OPTIM).fit(gaussian_classes()).network.state_dict()
    for rank in range(RANKS):
        weights = torch.load(tmp_path / f"rank{rank}.pt", weights_only=True)
        for name, tensor in weights.items():
            assert torch.allclose(tensor, expected[name], atol=1e-5) == is_same, name


class Staged(EndToEndTrainer):
    """Its stages are what a test says."""

    order: ClassVar[dict[str, list[str]]] = {}

    @property
    def stages(self) -> Mapping[str, Sequence[str]]:
        return self.order


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"empty": []},
        {"second": ["layer2"], "first": ["layer0"]},
        {"last": ["layer2"]},
        {"unknown": ["layer9"]},
        {"all": ["layer0", "layer2"], "again": ["layer2"]},
    ],
)
def test_stages_that_are_not_consecutive_are_named(
    toy: Dataset, order: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Staged, "order", order)
    with pytest.raises(
        ModelError, match=r"Staged: got stages .* from the first block on \(layer0, layer2\)"
    ):
        Staged(network(), OPTIM).fit(toy)


def test_a_checkpoint_of_another_trainer_is_refused(
    toy: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interval = CheckpointInterval(epochs=1)
    EndToEndTrainer(network(), OPTIM).fit(toy, checkpointer=Checkpoints(tmp_path, interval))
    monkeypatch.setattr(Staged, "order", {"network": ["layer0", "layer2"]})
    with pytest.raises(
        RunFolderError, match="got trainer EndToEndTrainer, expected trainer Staged"
    ):
        Staged(network(), OPTIM).fit(toy, checkpointer=Checkpoints(tmp_path, interval))
