"""Rows of arrays, joined part by part."""

import pytest
import torch

from ibtrain.data.rows import join_rows
from ibtrain.errors import DataError

X = torch.randn(100, 3, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("count", [0, 1, 100, 150])
@pytest.mark.parametrize(
    "sizes", [[100], [1, 99], [99, 1], [33, 33, 34], [0, 50, 0, 50], [1] * 100]
)
def test_parts_are_joined_in_their_order(sizes: list[int], count: int) -> None:
    assert torch.equal(join_rows(X.split(sizes), "samples", count), X)


def test_the_type_holds_the_values_of_all_parts() -> None:
    parts = [
        torch.tensor([[True]]),
        torch.tensor([[300]]),
        torch.tensor([[0.1]], dtype=torch.float64),
    ]
    for count in (0, 3):
        assert torch.equal(join_rows(parts, "samples", count), torch.cat(parts))


@pytest.mark.parametrize("part", [X[:, :1], X[:, 0], X[0]])
def test_samples_have_one_shape(part: torch.Tensor) -> None:
    """Also those that would be broadcast."""
    with pytest.raises(
        DataError, match=r"samples: got a sample of shape .*, expected samples of shape \(3, 2\)"
    ):
        join_rows([X, part], "samples", 300)
