"""A binned layer against tables counted by hand, scikit-learn's value and a slow plug-in."""

import math
from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from ibtrain.mi.classical.discretised import bin_activations, binned_layer

RNG = np.random.default_rng(0)


def slow_plug_in(h: np.ndarray, labels: np.ndarray, edges: np.ndarray) -> tuple[float, float, int]:
    """H(T), I(T; Y) in bits, and the number of distinct T, by dictionaries of tuples."""
    rows = [tuple(sum(value >= edge for edge in edges) for value in row) for row in h]

    def entropy(symbols: list[object]) -> float:
        count = len(symbols)
        return -sum(k / count * math.log2(k / count) for k in Counter(symbols).values())

    conditional = 0.0
    for label in set(labels.tolist()):
        own = [row for row, other in zip(rows, labels, strict=True) if other == label]
        conditional += len(own) / len(rows) * entropy(own)  # type: ignore[arg-type]
    return entropy(rows), entropy(rows) - conditional, len(set(rows))  # type: ignore[arg-type]


@pytest.mark.parametrize("dim", [1, 3, 10])
@pytest.mark.parametrize("ends", [(-1.0, 1.0), (None, None)])
def test_it_is_the_plug_in_of_the_field(dim: int, ends: tuple[float | None, float | None]) -> None:
    h = np.tanh(RNG.standard_normal((500, dim))).astype(np.float32)
    labels = (h.sum(axis=1) + 0.3 * RNG.standard_normal(500) > 0).astype(np.int64)
    low, high = (h.min(), h.max()) if ends[0] is None else ends
    edges = np.linspace(low, high, 31)[1:-1]
    entropy, information, distinct = slow_plug_in(h, labels, edges)
    layer = binned_layer(bin_activations(h, 30, *ends), labels)
    assert layer.entropy.to_unit("bits").mi == pytest.approx(entropy, abs=1e-9)
    assert layer.label.to_unit("bits").mi == pytest.approx(information, abs=1e-9)
    assert layer.distinct == distinct


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
