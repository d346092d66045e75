"""MINE critics against exact mutual information, and on noise."""

import math

import pytest
import torch

from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.neural.mine import InputMine, LabelMine

CPU = torch.device("cpu")


def labelled(n: int, seed: int, spread: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (n,), generator=generator)
    h = torch.randn(n, 3, generator=generator)
    h[:, 0] += spread * (2.0 * y - 1)
    return h, y


def binary_gaussian_mi(spread: float) -> float:
    """Information of a fair bit in its observation at -spread or +spread with unit Gaussian noise, by quadrature."""
    grid = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    densities = [
        torch.exp(-0.5 * (grid - c) ** 2) / math.sqrt(2 * math.pi) for c in (-spread, spread)
    ]
    mixture = 0.5 * (densities[0] + densities[1])
    integrand = sum(
        0.5 * d * (d / mixture.clamp_min(1e-300)).clamp_min(1e-300).log() for d in densities
    )
    return float(torch.trapezoid(torch.as_tensor(integrand), grid))


def test_label_information_is_within_its_error_of_the_exact_value() -> None:
    mine = LabelMine(3, torch.tensor([0.5, 0.5]).log(), [0.0], seed=0)
    h, y = labelled(4000, seed=1, spread=1.0)
    mine.fit(h, y, steps=200, batch_size=256)
    (estimate,) = mine.evaluate(*labelled(4000, seed=2, spread=1.0), ceiling=math.log(2))
    assert abs(estimate.mi - binary_gaussian_mi(1.0)) <= 3 * estimate.stderr + 0.02
    assert estimate.flags == ()
    assert (estimate.n_train, estimate.n_test) == (3600, 4000)


def test_input_information_approaches_the_closed_form() -> None:
    mine = InputMine(2, [1.0], seed=0, device=CPU)
    train, test = torch.randn(2, 4000, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(4000, dtype=torch.long)
    for _ in range(3):
        mine.fit(train, labels, steps=200, batch_size=256)
    (estimate,) = mine.evaluate(test, labels, ceiling=math.log(4000))
    # two independent coordinates with a signal-to-noise ratio of 1; the value of a lower bound is mostly below
    assert estimate.mi == pytest.approx(math.log(2), abs=3 * estimate.stderr + 0.03)


def test_where_a_layer_lies_does_not_matter() -> None:
    train, test = torch.randn(2, 1000, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(1000, dtype=torch.long)
    values = []
    for shift in (0.0, 30.0):
        mine = InputMine(2, [1.0], seed=0, device=CPU)
        mine.fit(train + shift, labels, steps=20, batch_size=256)
        (estimate,) = mine.evaluate(test + shift, labels, ceiling=math.log(1000))
        values.append(estimate.mi)
    assert values[1] == pytest.approx(values[0], abs=1e-3)
    assert values[0] > 0.1


def test_shuffled_labels_leave_nothing() -> None:
    mine = LabelMine(3, torch.tensor([0.5, 0.5]).log(), [0.0], seed=0)
    h, y = labelled(1000, seed=1)
    mine.fit(h, y[torch.randperm(1000, generator=torch.Generator().manual_seed(0))], steps=300)
    h, y = labelled(3000, seed=2)
    shuffled = y[torch.randperm(3000, generator=torch.Generator().manual_seed(1))]
    (estimate,) = mine.evaluate(h, shuffled, ceiling=math.log(2))
    assert abs(estimate.mi) <= 3 * estimate.stderr + 1e-3


def test_the_standard_error_is_the_spread_over_test_sets() -> None:
    mine = LabelMine(3, torch.tensor([0.5, 0.5]).log(), [0.0], seed=0)
    mine.fit(*labelled(2000, seed=1, spread=1.0), steps=150, batch_size=256)
    estimates = [
        mine.evaluate(*labelled(500, seed=seed, spread=1.0), ceiling=math.log(2))[0]
        for seed in range(2, 62)
    ]
    spread = torch.tensor([estimate.mi for estimate in estimates]).std().item()
    claimed = sum(estimate.stderr for estimate in estimates) / len(estimates)
    # 60 repetitions give the spread to about 9 %
    assert claimed == pytest.approx(spread, rel=0.3)


def test_the_standard_error_counts_both_sides_of_a_pair() -> None:
    mine = InputMine(1, [0.5], seed=0, device=CPU)
    labels = torch.zeros(2000, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    mine.fit(torch.randn(2000, 1, generator=generator), labels, steps=300, batch_size=256)
    estimates = [
        mine.evaluate(torch.randn(300, 1, generator=generator), labels[:300], math.log(300))[0]
        for _ in range(60)
    ]
    spread = torch.tensor([estimate.mi for estimate in estimates]).std().item()
    claimed = sum(estimate.stderr for estimate in estimates) / len(estimates)
    assert claimed == pytest.approx(spread, rel=0.3)


def test_a_critic_that_memorised_noise_is_scaled_down_and_flagged() -> None:
    mine = LabelMine(40, torch.tensor([0.5, 0.5]).log(), [0.0], seed=0)
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(200, 40, generator=generator)
    y = torch.randint(2, (200,), generator=generator)
    mine.fit(h, y, steps=600, batch_size=128)
    (estimate,) = mine.evaluate(
        torch.randn(500, 40, generator=generator),
        torch.randint(2, (500,), generator=generator),
        ceiling=math.log(2),
    )
    assert "overfit" in estimate.flags
    assert estimate.mi > -0.5


def test_a_warm_start_goes_on_from_the_last_fit() -> None:
    train, test = torch.randn(2, 1500, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(1500, dtype=torch.long)
    mine = InputMine(4, [0.5], seed=0, device=CPU)
    values = []
    for _ in range(4):
        mine.fit(train, labels, steps=25, batch_size=128)
        values.append(mine.evaluate(test, labels, ceiling=math.log(1500))[0].mi)
    assert values[-1] > values[0] + 0.3


def test_a_test_split_with_other_shares_of_the_classes_is_not_flattered() -> None:
    generator = torch.Generator().manual_seed(0)

    def separated(n: int, share: float) -> tuple[torch.Tensor, torch.Tensor]:
        y = (torch.rand(n, generator=generator) < share).long()
        return torch.randn(n, 1, generator=generator) + 20.0 * y.unsqueeze(1), y

    mine = LabelMine(1, torch.tensor([0.9, 0.1]).log(), [0.0], seed=0)
    mine.fit(*separated(2000, 0.1), steps=300, batch_size=128)
    (estimate,) = mine.evaluate(*separated(2000, 0.5), ceiling=math.log(2))
    assert estimate.mi <= math.log(2) + 3 * estimate.stderr + 1e-3
    assert estimate.mi > 0.1


def test_members_of_a_stack_measure_their_own_samples() -> None:
    mine = InputMine(2, [1.0, 1.0], seed=0, device=CPU)
    generator = torch.Generator().manual_seed(0)
    # signal-to-noise ratios of 1 and 4 in two independent coordinates
    train, test = torch.randn(2, 2, 4000, 2, generator=generator) * torch.tensor([1.0, 2.0]).view(
        1, 2, 1, 1
    )
    labels = torch.zeros(4000, dtype=torch.long)
    for _ in range(3):
        mine.fit(train, labels, steps=200, batch_size=256)
    weak, strong = mine.evaluate(test, labels, ceiling=math.log(4000))
    assert weak.mi == pytest.approx(math.log(2), abs=3 * weak.stderr + 0.03)
    assert strong.mi == pytest.approx(math.log(5), abs=3 * strong.stderr + 0.1)


def test_what_one_member_sees_changes_nothing_for_another() -> None:
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(2, 500, 3, generator=generator)
    labels = torch.randint(2, (500,), generator=generator)
    log_prior = torch.tensor([0.5, 0.5]).log()

    def first_of(second: torch.Tensor) -> list[float]:
        values = []
        for mine in (
            InputMine(3, [0.5, 0.5], seed=0, device=CPU),
            LabelMine(3, log_prior, [0.5, 0.0], seed=0),
        ):
            mine.fit(torch.stack([h[0], second]), labels, steps=20, batch_size=64)
            values.append(mine.evaluate(h[0], labels, ceiling=1.0)[0].mi)
        return values

    assert first_of(h[1]) == pytest.approx(first_of(7 * h[1]), abs=1e-6)


def test_every_member_has_its_own_noise() -> None:
    mine = LabelMine(3, torch.tensor([0.5, 0.5]).log(), [8.0, 0.0], seed=0)
    mine.fit(*labelled(2000, seed=1), steps=100, batch_size=256)
    noisy, clean = mine.evaluate(*labelled(2000, seed=2), ceiling=math.log(2))
    assert noisy.mi < 0.1
    assert clean.mi > 0.5
    mine.set_noise([0.0, 8.0])
    mine.fit(*labelled(2000, seed=1), steps=100, batch_size=256)
    clean, noisy = mine.evaluate(*labelled(2000, seed=2), ceiling=math.log(2))
    assert noisy.mi < 0.1
    assert clean.mi > 0.5


def test_a_wide_layer_is_read_by_its_leading_components() -> None:
    generator = torch.Generator().manual_seed(0)
    # ten dimensions of signal in 200 units; the other directions have hardly any variance
    mixing = torch.randn(10, 200, generator=generator) / math.sqrt(10)
    train, test = (torch.randn(3000, 10, generator=generator) @ mixing for _ in range(2))
    test = test[:1000]
    labels = torch.zeros(3000, dtype=torch.long)
    mine = InputMine(200, [2.0], seed=0, device=CPU)
    for _ in range(2):
        mine.fit(train, labels, steps=200, batch_size=256)
    (estimate,) = mine.evaluate(test, labels[:1000], ceiling=math.log(1000))
    exact = channel_mi(test, 2.0).mi_xt
    # a lower bound on the information in the 1000 samples, 6.6 nats, and not in the population, 9.0 nats
    assert exact.mi - 1.0 < estimate.mi < exact.mi + 3 * estimate.stderr


def test_members_with_the_same_samples_may_be_given_them_once() -> None:
    h, y = labelled(500, seed=1)
    values = []
    for samples in (h, torch.stack([h, h])):
        mine = LabelMine(3, torch.tensor([0.5, 0.5]).log(), [0.5, 0.0], seed=0)
        mine.fit(samples, y, steps=20, batch_size=64)
        values.append([estimate.mi for estimate in mine.evaluate(samples, y, ceiling=1.0)])
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_samples_in_order_of_their_values_are_read_as_any_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ibtrain.mi.neural.mine.HELD_OUT_GROUP_SIZE", 50)
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(1000, dtype=torch.long)
    train, test = 3 * torch.randn(2, 1000, 1, generator=generator)
    mine = InputMine(1, [0.5], seed=0, device=CPU)
    mine.fit(train, labels, steps=300, batch_size=128)
    # in groups of neighbours the negatives would be near the true pairs, and the value far too low
    (estimate,) = mine.evaluate(test.sort(dim=0).values, labels, math.log(1000))
    assert estimate.mi == pytest.approx(0.5 * math.log1p(36), abs=3 * estimate.stderr + 0.05)
