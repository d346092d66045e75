"""Samples of x, y and a continuous z, as estimators of conditional mutual information read them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ibtrain.mi.diagnostics import is_function_of
from ibtrain.mi.samples import Rows, Samples, Side

__all__ = ["ConditionalSamples", "indicators"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ConditionalSamples:
    """Checked samples of x, y and z.

    Args:
        x: First side; numbers or classes.
        y: Second side; numbers or classes.
        z: The condition; numbers.
        block: Number of consecutive rows that may depend on each other, as in a time series.
    """

    x: Side
    y: Side
    z: Side
    block: int = 1

    def __len__(self) -> int:
        return len(self.x)

    @property
    def has_classes(self) -> bool:
        """Whether x or y is discrete."""
        return self.x.classes is not None or self.y.classes is not None

    @property
    def dim(self) -> int:
        """Number of continuous coordinates of x, y and z together."""
        continuous = (side for side in (self.x, self.y, self.z) if side.classes is None)
        return sum(len(side.varying) for side in continuous)

    @property
    def entropy(self) -> float | None:
        """The smaller entropy of the discrete sides, which limits the information; None if both are continuous."""
        entropies = (side.entropy for side in (self.x, self.y))
        return min((entropy for entropy in entropies if entropy is not None), default=None)

    def only(self, rows: NDArray[np.intp]) -> "ConditionalSamples":
        """Returns a copy of the samples of some rows."""
        return ConditionalSamples(
            self.x.only(rows), self.y.only(rows), self.z.only(rows), self.block
        )

    def terms(self) -> tuple[Samples, Samples]:
        r"""Returns the samples of both terms of the chain rule, :math:`I(x; y, z) - I(x; z)`, in memory.

        In both, the continuous variables are ``x``, and x is ``y``: a label if it is discrete. If only y is discrete,
        x and y are exchanged. If both are, the classes of y are coordinates of 0 and 1.
        """
        label, other = self.x, self.y
        if label.classes is None and other.classes is not None:
            label, other = other, label
        z = self.z.numbers()
        coordinates = other.numbers() if other.classes is None else indicators(other)
        labels = None if label.classes is None else label.labels()
        sides = label.numbers(), labels, label.num_classes, self.block
        return Samples(np.hstack([coordinates, z]), *sides), Samples(z, *sides)

    def flags(self, rows: Rows) -> tuple[str, ...]:
        """Returns the flags that apply to every estimate, from some of the rows.

        ``undersampled``: there are not more samples than dimensions. ``deterministic``: z and one side determine the
        other one, which z alone does not: the information is infinite.
        """
        flags = []
        z = self.z.numbers(rows)
        if len(z) <= self.dim:
            flags.append("undersampled")
        if not self.has_classes:
            sides = self.x.numbers(rows), self.y.numbers(rows)
            for of, by in (sides, sides[::-1]):
                if is_function_of(np.hstack([by, z]), of) and not is_function_of(z, of):
                    flags.append("deterministic")
                    break
        return tuple(flags)


def indicators(side: Side, distance: float = 1.0) -> Array:
    """One coordinate for each class of a discrete side: ``distance`` for the samples of the class, otherwise 0."""
    labels = side.labels()
    coordinates = np.zeros((len(labels), side.num_classes))
    coordinates[np.arange(len(labels)), labels] = distance
    return coordinates
