"""Equal rows have equal hashes, and different rows have different ones."""

import numpy as np
import pytest

from ibtrain.io.hashing import hash_rows


def test_rows_that_differ_in_one_bit_differ() -> None:
    """Multiplying 64-bit words instead of bytes would lose the high bits in which these differ."""
    powers = 2.0 ** np.arange(-500, 500)
    rows = np.stack([powers, -powers]).reshape(-1, 1)
    assert len(np.unique(hash_rows(rows))) == 2000


def test_both_zeros_are_one() -> None:
    first, second = hash_rows(np.array([[0.0, 1.0], [-0.0, 1.0]]))
    assert first == second


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32, np.float64, np.bool_])
def test_as_many_hashes_as_distinct_rows(dtype: type[np.generic]) -> None:
    rows = np.random.default_rng(0).integers(0, 3, (5000, 6)).astype(dtype)
    hashes = hash_rows(rows)
    _, inverse = np.unique(rows, axis=0, return_inverse=True)
    assert len(np.unique(hashes)) == inverse.max() + 1
    for group in range(inverse.max() + 1):
        assert len(np.unique(hashes[inverse.reshape(-1) == group])) == 1


def test_the_order_in_memory_does_not_matter() -> None:
    rows = np.random.default_rng(0).normal(size=(100, 4))
    for copy in (np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[:, ::2]):
        assert np.array_equal(hash_rows(rows), hash_rows(copy))
