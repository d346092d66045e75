"""Trainings on augmented images."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.augmentation import check_augmentable
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import ConfigError
from ibtrain.train.checkpointer import Checkpointer, State
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.trainer import Trainer

OPTIM = OptimConfig(
    learning_rate=1e-2, schedule="constant", batch_size=20, epochs=2, augment=("flip", "crop")
)


@pytest.fixture
def photos() -> Dataset:
    x = torch.randn(80, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    split = Split(x, (x.mean((1, 2, 3)) > 0).long())
    return Dataset("photos", split, Split(x[:20], split.y[:20]), 2)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.2))
    second = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU())
    output = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    return nn.Sequential(first, second, output)


def read_in_training(model: nn.Sequential) -> list[list[Tensor]]:
    """What each block reads in training mode, as the list grows."""
    inputs: list[list[Tensor]] = [[] for _ in model]
    for block, read in zip(model, inputs, strict=True):
        block.register_forward_pre_hook(
            lambda module, arguments, read=read: (
                read.append(arguments[0].detach().clone()) if module.training else None
            )
        )
    return inputs


def trainer(method: str, model: nn.Sequential, optim: OptimConfig = OPTIM, **more: Any) -> Trainer:
    if method == "end_to_end":
        return EndToEndTrainer(model, optim, **more)
    return LayerwiseTrainer(model, ObjectiveConfig(order=method), optim, **more)


def test_both_methods_train_on_the_same_images(photos: Dataset) -> None:
    batches = []
    for method in ("end_to_end", "sequential", "simultaneous"):
        model = network()
        inputs = read_in_training(model)
        trainer(method, model).fit(photos)
        batches.append(torch.stack(inputs[0]))
    assert batches[0].shape == (8, 20, 1, 8, 8)
    assert torch.equal(batches[0], batches[1])
    assert torch.equal(batches[0], batches[2])
    # other images in the second epoch
    rows = [
        set(map(tuple, epoch.flatten(2).flatten(0, 1).tolist())) for epoch in batches[0].split(4)
    ]
    assert len(rows[0] & rows[1]) < 30
    other = network()
    inputs = read_in_training(other)
    trainer("end_to_end", other, seed=1).fit(photos)
    assert not torch.equal(torch.stack(inputs[0]), batches[0])


def test_a_block_reads_what_the_frozen_blocks_give_for_the_changed_images(photos: Dataset) -> None:
    model = network()
    model[0][3].p = 0.0  # type: ignore[index,union-attr]
    inputs = read_in_training(model)
    trainer("sequential", model).fit(photos)
    model.eval()
    images, first, second = (torch.stack(batches) for batches in inputs)
    with torch.no_grad():
        for epoch_images, h, g in zip(images, first, second, strict=True):
            torch.testing.assert_close(model[0](epoch_images), h)
            torch.testing.assert_close(model[1](h), g)


def test_dropout_of_a_frozen_block_acts_on_the_changed_images(photos: Dataset) -> None:
    model = network()
    inputs = read_in_training(model)
    trainer("sequential", model).fit(photos)
    model.eval()
    with torch.no_grad():
        clean = model[0](torch.stack(inputs[0]).flatten(0, 1))
    dropped = torch.stack(inputs[1]).flatten(0, 1)
    kept = dropped != 0
    torch.testing.assert_close(0.8 * dropped[kept], clean[kept])
    # 20 % of those that are not zero anyway; five standard errors
    count = int((clean != 0).sum())
    share = kept.sum().item() / count
    assert share == pytest.approx(0.8, abs=5 * 0.4 / count**0.5)


def test_evaluation_reads_unchanged_images(photos: Dataset) -> None:
    model = network()
    read: list[Tensor] = []
    model[0].register_forward_pre_hook(
        lambda module, arguments: None if module.training else read.append(arguments[0].clone())
    )
    trainer("end_to_end", model).fit(photos)
    images = set(map(tuple, photos.train.x.flatten(1).tolist()))
    assert {tuple(row) for x in read for row in x.flatten(1).tolist()} <= images


class StoppedError(Exception):
    """Ends a training between two steps."""


class Interrupted(Checkpointer):
    """Keeps the state after some steps, and ends the training there.

    Args:
        steps: Number of steps.
    """

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.state: State | None = None

    def load(self) -> State | None:
        return self.state

    def after_step(self, state: Callable[[], State]) -> None:
        self.left -= 1
        if self.left == 0:
            self.state = {**state(), "torch": torch.get_rng_state()}
            raise StoppedError


@pytest.mark.slow
@pytest.mark.parametrize("method", ["end_to_end", "sequential"])
@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_resumed_training_reads_the_same_images(
    photos: Dataset, method: str, seeds: tuple[int, ...]
) -> None:
    def fit(checkpointer: Checkpointer) -> list[Tensor]:
        trainers = [trainer(method, network(), seed=seed) for seed in seeds]
        state = checkpointer.load()
        if state is not None:
            torch.set_rng_state(state["torch"])
        results = fit_ensemble(trainers, photos, checkpointer)
        return [weight for result in results for weight in result.network.state_dict().values()]

    expected = fit(Checkpointer())
    # within the second epoch: of the network, or of the second block
    stop = Interrupted(6 if method == "end_to_end" else 14)
    with pytest.raises(StoppedError):
        fit(stop)
    assert stop.state is not None
    for found, weight in zip(fit(stop), expected, strict=True):
        assert torch.equal(found, weight)


def test_seeds_together_train_as_each_would(photos: Dataset) -> None:
    def fit(*seeds: int) -> list[dict[str, Tensor]]:
        models = [network() for _ in seeds]
        for model in models:
            model[0][3].p = 0.0  # type: ignore[index,union-attr]
        trainers = [trainer("sequential", m, seed=s) for m, s in zip(models, seeds, strict=True)]
        return [result.network.state_dict() for result in fit_ensemble(trainers, photos)]

    for found, expected in zip(fit(0, 1), [*fit(0), *fit(1)], strict=True):
        for name, weight in expected.items():
            torch.testing.assert_close(found[name], weight)


def test_what_cannot_be_augmented_is_refused(photos: Dataset) -> None:
    vectors = Split(photos.train.x.flatten(1), photos.train.y)
    data = Dataset("vectors", vectors, vectors, 2)
    message = r"augment: got flip,crop with samples of shape \(64,\), expected images"
    with pytest.raises(ConfigError, match=message):
        EndToEndTrainer(nn.Sequential(nn.Linear(64, 2)), OPTIM).fit(data)
    pixels = (photos.train.x > 0).to(torch.uint8)
    check_augmentable(("flip", "crop"), pixels)
    with pytest.raises(ConfigError, match="augment: got jitter with images of bytes"):
        check_augmentable(("flip", "jitter"), pixels)
    with pytest.raises(
        ConfigError, match="augment: got 'flipp', expected one of flip, crop, jitter"
    ):
        OptimConfig(augment=("flipp",))
    with pytest.raises(ConfigError, match="augment: got flip,flip, expected no augmentation twice"):
        OptimConfig(augment=("flip", "flip"))
