"""A share of the training samples, and labels that are replaced at random."""

import math
from dataclasses import replace

import pytest
import torch

from ibtrain.data.dataset import Dataset, Split
from ibtrain.data.load import load_dataset
from ibtrain.data.training_samples import replace_labels, take_samples, take_share
from ibtrain.errors import ConfigError, DataError

COUNT = 3000


@pytest.fixture
def numbered() -> Dataset:
    """Samples that hold their number; their classes alternate."""
    x = torch.arange(float(COUNT))[:, None]
    y = torch.arange(COUNT) % 3
    return Dataset("numbered", Split(x, y), Split(x[:30], y[:30]), 3)


def test_a_share_keeps_pairs_and_their_order(numbered: Dataset) -> None:
    data = take_share(numbered, 0.1, seed=0)
    numbers = data.train.x[:, 0]
    assert len(data.train) == 300
    assert (numbers.diff() > 0).all()
    assert torch.equal(data.train.y, numbers.long() % 3)
    # drawn at random: the mean of 300 of 3,000 numbers, within five standard errors
    assert numbers.mean().item() == pytest.approx(COUNT / 2, abs=5 * COUNT / math.sqrt(12 * 300))
    assert data.test is numbered.test


def test_smaller_shares_are_parts_of_larger_ones(numbered: Dataset) -> None:
    shares = [
        set(take_share(numbered, share, seed=0).train.x[:, 0].tolist())
        for share in (0.01, 0.3, 1.0)
    ]
    assert shares[0] < shares[1] < shares[2]
    assert len(shares[2]) == COUNT
    assert set(take_share(numbered, 0.3, seed=1).train.x[:, 0].tolist()) != shares[1]


def test_copies_are_kept_or_left_out_together(numbered: Dataset) -> None:
    twice = Split(numbered.train.x.repeat(2, 1), numbered.train.y.repeat(2))
    data = take_share(replace(numbered, train=twice), 0.5, seed=0)
    counts = data.train.x.unique(return_counts=True)[1]
    assert len(data.train) == COUNT
    assert (counts == 2).all()


def test_a_share_without_a_class_is_refused(numbered: Dataset) -> None:
    rare = Split(numbered.train.x, (torch.arange(COUNT) == 7).long())
    with pytest.raises(DataError, match="numbered: got no training sample of class 1"):
        take_share(replace(numbered, train=rare, num_classes=2, test=rare), 0.1, seed=0)
    with pytest.raises(DataError, match="numbered: got 3 training samples, expected at least 4"):
        take_share(numbered, 0.001, seed=0)


def test_a_number_of_samples_has_the_classes_shares_of_the_whole(numbered: Dataset) -> None:
    # 300, 900 and 1,800 samples of three classes
    y = torch.tensor([0, 1, 1, 1, 2, 2, 2, 2, 2, 2]).repeat(COUNT // 10)
    data = replace(numbered, train=Split(numbered.train.x, y))
    kept: set[float] = set()
    for count in (7, 50, 333, 1000, COUNT):
        part = take_samples(data, count, seed=0).train
        assert len(part) == count
        for frequency, share in zip(part.y.bincount().tolist(), (0.1, 0.3, 0.6), strict=True):
            assert abs(frequency - share * count) <= 1
        # smaller numbers are parts of larger ones
        numbers = set(part.x[:, 0].tolist())
        assert kept < numbers
        kept = numbers
    first, second = (set(take_samples(data, 50, seed).train.x[:, 0].tolist()) for seed in (0, 1))
    assert first != second


def test_samples_of_a_class_are_drawn_at_random(numbered: Dataset) -> None:
    part = take_samples(numbered, 300, seed=0)
    numbers = part.train.x[:, 0]
    assert (numbers.diff() > 0).all()
    assert torch.equal(part.train.y, numbers.long() % 3)
    # the mean of 300 of 3,000 numbers, within five standard errors
    assert numbers.mean().item() == pytest.approx(COUNT / 2, abs=5 * COUNT / math.sqrt(12 * 300))
    assert part.test is numbered.test


def test_more_samples_than_there_are_are_refused(numbered: Dataset) -> None:
    with pytest.raises(DataError, match="train_samples: got 3001, expected at most 3000"):
        take_samples(numbered, COUNT + 1, seed=0)
    with pytest.raises(DataError, match="numbered: got no training sample of class 1"):
        rare = Split(numbered.train.x, (torch.arange(COUNT) == 7).long())
        take_samples(replace(numbered, train=rare, num_classes=2, test=rare), 100, seed=0)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_replaced_labels_are_uniform_and_leave_the_others(numbered: Dataset, share: float) -> None:
    before = numbered.train.y.clone()
    data = replace_labels(numbered, share, seed=0)
    assert torch.equal(numbered.train.y, before)
    assert torch.equal(data.train.x, numbered.train.x)
    assert data.test is numbered.test
    is_wrong = data.train.y != before
    # of three classes, a replaced label is wrong in two of three cases; within five standard deviations
    replaced = share * COUNT
    spread = 5 * math.sqrt(replaced * 2 / 9)
    assert is_wrong.sum().item() == pytest.approx(2 / 3 * replaced, abs=spread)
    for number in range(3):
        drawn = (data.train.y[before == number].bincount(minlength=3) / (COUNT / 3)).tolist()
        for other, frequency in enumerate(drawn):
            expected = share / 3 + (1 - share) * (other == number)
            assert frequency == pytest.approx(expected, abs=5 * math.sqrt(share / COUNT))
    assert torch.equal(replace_labels(numbered, share, seed=0).train.y, data.train.y)


def test_both_come_after_the_validation_split_which_stays() -> None:
    whole = load_dataset("digits", validation=0.2)
    data = load_dataset("digits", validation=0.2, train_share=0.1, label_noise=1.0)
    assert whole.validation is not None
    assert data.validation is not None
    assert torch.equal(data.validation.y, whole.validation.y)
    assert torch.equal(data.test.y, whole.test.y)
    assert len(data.train) == round(0.1 * len(whole.train))
    samples = load_dataset("digits", validation=0.2, train_samples=100)
    assert samples.validation is not None
    assert torch.equal(samples.validation.y, whole.validation.y)
    assert len(samples.train) == 100
    # standardised with what is left to train on
    assert data.train.x.mean().item() == pytest.approx(0, abs=1e-5)
    assert data.test.x.mean().item() != pytest.approx(whole.test.x.mean().item(), abs=1e-5)


def test_by_default_nothing_changes() -> None:
    assert (
        load_dataset("digits", train_share=1.0, label_noise=0.0).fingerprint()
        == load_dataset("digits").fingerprint()
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train_share": 0.0}, "train_share: got 0.0, expected a number from 0 to 1, but not 0"),
        ({"train_share": 1.5}, "train_share: got 1.5"),
        ({"train_samples": 3}, "train_samples: got 3, expected a whole number of 4 or more"),
        (
            {"train_samples": 10, "train_share": 0.5},
            "train_samples: got 10 with a train_share of 0.5, expected one of the two",
        ),
        ({"label_noise": -0.1}, "label_noise: got -0.1, expected a number from 0 to 1"),
        ({"label_noise": float("nan")}, "label_noise: got nan, expected a finite number"),
    ],
)
def test_other_shares_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_dataset("digits", **settings)  # type: ignore[arg-type]
