"""Permutation test of independence: estimates of the same samples with shuffled y."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.backend.exchange import share_out
from ibtrain.backend.seeding import derive_seed
from ibtrain.mi.samples import StoredSamples

__all__ = ["MAX_PERMUTATIONS", "PermutationTest", "permutation_test", "shuffled_rows"]

MAX_PERMUTATIONS = 1_000_000


@dataclass(frozen=True)
class PermutationTest:
    r"""Estimates of samples with shuffled y, whose true information is 0, against the estimate of the samples.

    Args:
        p_value: :math:`(1 + \#\{\hat I_i \ge \hat I\}) / (N + 1)`: uniform on its values if x and y are independent.
        mean: Mean of the estimates with shuffled y: the bias of the method for independent x and y.
        std: Their standard deviation; 0 with a single one.
        count: Number N of permutations.

    References:
        Phipson & Smyth, Permutation p-values should never be zero (2010).
    """

    p_value: float
    mean: float
    std: float
    count: int

    def scaled(self, factor: float) -> "PermutationTest":
        """Returns the same test with its mean and standard deviation in another unit."""
        return replace(self, mean=self.mean * factor, std=self.std * factor)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {"p_value": self.p_value, "mean": self.mean, "std": self.std, "count": self.count}


def permutation_test(
    samples: StoredSamples,
    mi: float,
    value_of: Callable[[StoredSamples], float],
    count: int,
    seed: int,
) -> PermutationTest:
    """Estimates the samples again with y in random orders, of whole rows or of whole blocks.

    Args:
        samples: The samples.
        mi: Their estimate.
        value_of: The same estimate of other samples, with the same settings and seed.
        count: Number of permutations.
        seed: Seeds the orders.

    Returns:
        The test, in nats.
    """
    randomness = np.random.default_rng(derive_seed(seed, "permutations"))
    orders = (shuffled_rows(len(samples), samples.block, randomness) for _ in range(count))

    def value_of_order(rows: NDArray[np.intp]) -> float:
        y = replace(samples.y, values=samples.y.values[rows])
        return value_of(replace(samples, y=y))

    values = np.array(share_out(value_of_order, orders))
    above = int((values >= mi).sum())
    std = float(values.std(ddof=1)) if count > 1 else 0.0
    return PermutationTest((1 + above) / (count + 1), math.fsum(values) / count, std, count)


def shuffled_rows(count: int, block: int, randomness: np.random.Generator) -> NDArray[np.intp]:
    """Returns the rows in random order; blocks of consecutive rows stay whole, and the last one may be shorter.

    Args:
        count: Number of rows.
        block: Number of rows of a block.
        randomness: Random generator of the order.
    """
    blocks = np.split(np.arange(count), np.arange(block, count, block))
    order = randomness.permutation(len(blocks))
    return np.concatenate([blocks[index] for index in order])
