"""Maps of single coordinates, which leave mutual information as it is and make it easier to see."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["Marginals", "NormalScores", "Standardised", "fit_marginals"]

Array = NDArray[np.float64]

MOSTLY_TIED = 0.5
"""Share of samples that repeat another's value above which a coordinate counts as discrete."""


class Marginals(ABC):
    """One increasing map for each coordinate, fitted to the training split.

    Mutual information does not change when a coordinate goes through an increasing function; the
    samples that report must not shape it, hence the fit.
    """

    @abstractmethod
    def __call__(self, samples: Array) -> Array:
        """Maps samples, ``(n, dim)``, to coordinates of the same shape."""


class Standardised(Marginals):
    """To mean 0 and standard deviation 1.

    Args:
        train: What the mean and the deviation are taken of, ``(n, dim)``.
    """

    def __init__(self, train: Array) -> None:
        self.mean = train.mean(axis=0)
        std = train.std(axis=0)
        self.std = np.where(std > 0, std, 1.0)

    def __call__(self, samples: Array) -> Array:
        scaled: Array = (samples - self.mean) / self.std
        return scaled


class NormalScores(Marginals):
    r"""Each coordinate to the standard normal distribution, :math:`\Phi^{-1}(\hat F_j(x_j))`.

    :math:`\hat F_j` runs through the mid-ranks of the training samples and is linear between
    them, so that distinct values stay distinct; beyond their range it is constant.

    Args:
        train: The training samples, ``(n, dim)``.
    """

    def __init__(self, train: Array) -> None:
        count = len(train)
        self.columns = []
        for column in train.T:
            values, repeats = np.unique(column, return_counts=True)
            ranks = np.cumsum(repeats) - 0.5 * repeats
            self.columns.append((values, ranks / count))

    def __call__(self, samples: Array) -> Array:
        mapped = [
            np.interp(column, values, levels)
            for column, (values, levels) in zip(samples.T, self.columns, strict=True)
        ]
        scores: Array = ndtri(np.stack(mapped, axis=1))
        return scores


class _ByColumn(Marginals):
    def __init__(self, train: Array, discrete: NDArray[np.bool_]) -> None:
        self.discrete = discrete
        self.standardised = Standardised(train)
        self.scores = NormalScores(train)

    def __call__(self, samples: Array) -> Array:
        return np.where(self.discrete, self.standardised(samples), self.scores(samples))


def fit_marginals(train: Array, *, normal_scores: bool = True) -> Marginals:
    """The map of every coordinate: normal scores where they are valid.

    A coordinate most of whose samples share their values with others is discrete, has no normal
    score, and is standardised.

    Args:
        train: The training samples, ``(n, dim)``.
        normal_scores: Whether any coordinate gets them.
    """
    if not normal_scores:
        return Standardised(train)
    distinct = np.array([len(np.unique(column)) for column in train.T])
    discrete = 1 - distinct / len(train) > MOSTLY_TIED
    return _ByColumn(train, discrete) if discrete.any() else NormalScores(train)
