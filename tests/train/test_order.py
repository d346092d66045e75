"""The order of an epoch: every sample once, and of large samples a part of them after another."""

import numpy as np
import pytest
import torch

from ibtrain.backend.seeding import generator
from ibtrain.train import order
from ibtrain.train.order import epoch_order

CPU = torch.device("cpu")


def test_samples_that_fit_memory_are_in_any_order() -> None:
    expected = torch.randperm(1000, generator=generator(CPU, 0, "order"))
    assert torch.equal(epoch_order(1000, 4, generator(CPU, 0, "order"), CPU).samples, expected)


def test_the_order_is_on_the_device_of_the_labels() -> None:
    """Also on a device whose random numbers are those of the CPU."""
    found = epoch_order(1000, 4, torch.Generator(), torch.device("meta"))
    assert found.samples.device.type == "meta"


@pytest.fixture
def shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 10 samples of 4 bytes, of which 8 are mixed."""
    monkeypatch.setattr(order, "RANDOM_BYTES", 4 * 999)
    monkeypatch.setattr(order, "SHARD_BYTES", 40)
    monkeypatch.setattr(order, "SHARDS_AT_ONCE", 8)


@pytest.mark.parametrize("count", [1000, 1003, 1009])
@pytest.mark.usefixtures("shards")
def test_large_samples_are_read_in_shards(count: int) -> None:
    rng = generator(CPU, 0, "order")
    first, second = (epoch_order(count, 4, rng, CPU).samples for _ in range(2))
    for found in (first, second):
        assert torch.equal(found.sort().values, torch.arange(count))
    assert not torch.equal(first, second)
    for part in first[: 80 * (count // 80)].split(80):
        # of two mixtures of 8, where the small last shard has shifted them; of 80 samples in any order, of about 55
        assert len((part // 10).unique()) <= 16
        # in the order of shards, nine of ten neighbours would be of one shard
        assert ((part // 10).diff() == 0).float().mean() < 0.3
    assert torch.equal(epoch_order(count, 4, generator(CPU, 0, "order"), CPU).samples, first)


@pytest.mark.usefixtures("shards")
def test_the_place_of_a_sample_says_nothing_of_its_place_in_the_epoch() -> None:
    """Over many epochs, each sample comes as early as any other."""
    rng = generator(CPU, 1, "order")
    places = np.stack(
        [epoch_order(1000, 4, rng, CPU).samples.argsort().numpy() for _ in range(2000)]
    )
    # the mean place of a sample: 499.5, and over 2,000 epochs a standard error of 289 / 45
    deviations = (places.mean(0) - 499.5) / (places.std(0) / np.sqrt(len(places)))
    assert np.abs(deviations).max() < 4.5


@pytest.mark.usefixtures("shards")
def test_a_sample_that_is_larger_than_a_shard_is_one() -> None:
    found = epoch_order(100, 400, generator(CPU, 0, "order"), CPU).samples
    assert torch.equal(found.sort().values, torch.arange(100))
