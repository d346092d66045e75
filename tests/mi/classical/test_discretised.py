"""A binned layer against tables counted by hand, scikit-learn's value and a slow plug-in."""

import math
from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from ibtrain.mi.classical.discretised import (
    UNITS_AT_ONCE,
    bin_activations,
    bin_as_idnns,
    bin_by_size,
    binned_layer,
    binned_units,
)

RNG = np.random.default_rng(0)


Cells = list[tuple[float, ...]]


def slow_entropy(symbols: Cells) -> float:
    count = len(symbols)
    return -sum(k / count * math.log2(k / count) for k in Counter(symbols).values())


def slow_plug_in(rows: Cells, labels: np.ndarray) -> tuple[float, float, int]:
    """H(T), I(T; Y) in bits, and the number of distinct T, by dictionaries of tuples."""
    conditional = 0.0
    for label in set(labels.tolist()):
        own = [row for row, other in zip(rows, labels, strict=True) if other == label]
        conditional += len(own) / len(rows) * slow_entropy(own)
    return slow_entropy(rows), slow_entropy(rows) - conditional, len(set(rows))


def counted(h: np.ndarray, edges: np.ndarray) -> Cells:
    return [tuple(float(sum(value >= edge for edge in edges)) for value in row) for row in h]


def saturated(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Activations of tanh, some of which are -1 or 1 in float32, and classes that depend on them."""
    h = np.tanh(4 * RNG.standard_normal((500, dim))).astype(np.float32)
    assert (np.abs(h) == 1).any()
    return h, (h.sum(axis=1) + 0.3 * RNG.standard_normal(500) > 0).astype(np.int64)


@pytest.mark.parametrize("dim", [1, 3, 10])
@pytest.mark.parametrize("ends", [(-1.0, 1.0), (None, None)])
def test_it_is_the_plug_in_of_the_field(dim: int, ends: tuple[float | None, float | None]) -> None:
    h = np.tanh(RNG.standard_normal((500, dim))).astype(np.float32)
    labels = (h.sum(axis=1) + 0.3 * RNG.standard_normal(500) > 0).astype(np.int64)
    low, high = (h.min(), h.max()) if ends[0] is None else ends
    edges = np.linspace(low, high, 31)[1:-1]
    entropy, information, distinct = slow_plug_in(counted(h, edges), labels)
    layer = binned_layer(bin_activations(h, 30, *ends), labels)
    assert layer.entropy.to_unit("bits").mi == pytest.approx(entropy, abs=1e-9)
    assert layer.label.to_unit("bits").mi == pytest.approx(information, abs=1e-9)
    assert layer.distinct == distinct


@pytest.mark.parametrize("dim", [1, 3])
def test_it_is_the_plug_in_of_idnns(dim: int) -> None:
    """The cells of its code: the edge below an activation, the last one also where there is none."""
    h, labels = saturated(dim)
    h[:9] *= 1.1
    edges = np.linspace(-1, 1, 30).astype(np.float32)
    below = [tuple(float(max((e for e in edges if e <= v), default=1.0)) for v in row) for row in h]
    entropy, information, distinct = slow_plug_in(below, labels)
    layer = binned_layer(bin_as_idnns(h, 30), labels)
    assert layer.entropy.to_unit("bits").mi == pytest.approx(entropy, abs=1e-9)
    assert layer.label.to_unit("bits").mi == pytest.approx(information, abs=1e-9)
    assert layer.distinct == distinct
    # 29 bins that end at 1 have no cell for the saturated ones
    assert binned_layer(bin_activations(h, 29, -1.0, 1.0), labels).distinct < distinct


@pytest.mark.parametrize("size", [0.07, 0.5])
def test_it_is_the_plug_in_of_ibsgd(size: float) -> None:
    h, labels = saturated(2)
    cells = [tuple(math.floor(np.float32(v) / np.float32(size)) for v in row) for row in h]
    entropy, information, distinct = slow_plug_in(cells, labels)  # type: ignore[arg-type]
    layer = binned_layer(bin_by_size(h, size), labels)
    assert layer.entropy.to_unit("bits").mi == pytest.approx(entropy, abs=1e-9)
    assert layer.label.to_unit("bits").mi == pytest.approx(information, abs=1e-9)
    assert layer.distinct == distinct


def test_bins_of_a_tiny_size_are_cut_at_the_limits_of_integers() -> None:
    h = np.array([[-1e30, -2.0, 2.0, 1e30]], dtype=np.float32)
    limits = np.iinfo(np.int32)
    assert bin_by_size(h, 1.0).tolist() == [[limits.min, -2, 2, limits.max]]


@pytest.mark.parametrize("classes", [2, 5])
def test_units_have_the_values_of_layers_of_one_unit(classes: int) -> None:
    dim = UNITS_AT_ONCE + 3
    h = RNG.standard_normal((60, dim)) * RNG.uniform(0.1, 2.0, dim)
    labels = RNG.integers(0, classes, 60)
    bins = bin_by_size(h, 0.5)
    units = binned_units(bins, labels)
    rows = [slow_plug_in([(float(b),) for b in column], labels) for column in bins.T]
    expected = math.log(2) * np.array([(entropy, label) for entropy, label, _ in rows]).T
    np.testing.assert_allclose(units.entropies, expected[0], atol=1e-9)
    np.testing.assert_allclose(units.labels, expected[1], atol=1e-9)
    for values, summary in ((expected[0], units.entropy), (expected[1], units.label)):
        means = (values.mean(), values.min(), values.max())
        assert [value.mi for value in summary] == pytest.approx(means, abs=1e-9)
    alone = binned_layer(bins[:, [int(expected[1].argmax())]], labels)
    assert units.label[2].stderr == pytest.approx(alone.label.stderr, abs=1e-12)


def test_codes_too_large_for_a_table_give_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    bins, labels = bin_by_size(RNG.standard_normal((80, 4)), 0.3), RNG.integers(0, 3, 80)
    expected = binned_units(bins, labels)
    monkeypatch.setattr("ibtrain.mi.classical.discretised.MAX_TABLE", 2)
    np.testing.assert_array_equal(binned_units(bins, labels).labels, expected.labels)


def test_one_unit_is_scikit_learns_value() -> None:
    h = RNG.standard_normal((1000, 1))
    labels = RNG.integers(0, 3, 1000)
    bins = bin_activations(h, 8)
    layer = binned_layer(bins, labels)
    assert layer.label.mi == pytest.approx(mutual_info_score(bins[:, 0], labels), abs=1e-12)


def test_a_layer_that_tells_all_samples_apart_is_flagged() -> None:
    h = RNG.standard_normal((300, 50))
    layer = binned_layer(bin_activations(h, 30), RNG.integers(0, 2, 300))
    assert layer.distinct == 300
    assert layer.entropy.mi == pytest.approx(math.log(300))
    assert "above_ceiling" in layer.entropy.flags
    assert "above_label_entropy" in layer.label.flags


def test_a_constant_layer_says_nothing() -> None:
    layer = binned_layer(bin_activations(np.ones((40, 3)), 30), np.arange(40) % 2)
    assert (layer.distinct, layer.entropy.mi) == (1, 0.0)
    assert layer.label.mi == pytest.approx(0.0, abs=1e-12)


def test_the_standard_error_is_that_of_sampling() -> None:
    """Two bins of known shares: the spread of many samples' values."""
    values = []
    for _ in range(400):
        h = (RNG.random((200, 1)) < 0.2).astype(float)
        values.append(
            binned_layer(bin_activations(h, 2, 0.0, 1.0), np.zeros(200, np.int64)).entropy
        )
    spread = np.std([value.mi for value in values])
    assert np.mean([value.stderr for value in values]) == pytest.approx(spread, rel=0.1)


def test_activations_beyond_the_range_are_in_the_outer_bins() -> None:
    bins = bin_activations(np.array([[-9.0, -1.0, 0.999, 1.0, 7.0]]), 10, -1.0, 1.0)
    assert bins.tolist() == [[0, 0, 9, 9, 9]]
