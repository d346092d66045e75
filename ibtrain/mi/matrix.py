"""Mutual information of every pair of columns of a data frame."""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ibtrain.backend.exchange import share_out
from ibtrain.errors import DataError
from ibtrain.mi.classical.plug_in import plug_in
from ibtrain.mi.registry import estimate
from ibtrain.mi.result import Estimate
from ibtrain.mi.samples import check_side

if TYPE_CHECKING:
    import pandas

__all__ = ["MIMatrix", "mi_matrix"]

ENTROPY_FLAGS = ("undersampled",)
"""Flags of an entropy; that the information of a column with itself has reached its entropy is no problem."""

LONG_COLUMNS = ["x", "y", "mi", "stderr", "ceiling", "unit", "method", "p_value", "flags", "error"]


@dataclass(frozen=True)
class MIMatrix:
    """Mutual information of pairs of columns.

    Args:
        columns: Names of the columns.
        cells: Estimate of each pair of columns, in the order of the columns; of a discrete column and itself, its
            entropy. Pairs without a value are missing.
        errors: Why a pair (or, for a column that can't be used, the column and itself) has no value.
        method: Name of the method.
        unit: ``nats`` or ``bits``.
    """

    columns: tuple[str, ...]
    cells: dict[tuple[str, str], Estimate]
    errors: dict[tuple[str, str], str]
    method: str
    unit: str = "nats"

    def __repr__(self) -> str:
        values = sum(x != y for x, y in self.cells)
        count = len(self.columns)
        pairs = f"{values} of {math.comb(count, 2)} pairs of {count} columns"
        return f"<MIMatrix: {pairs}, {self.method}, in {self.unit}>"

    def __getitem__(self, pair: tuple[str, str]) -> Estimate:
        """Returns the estimate of two columns, in any order."""
        return self.cells[pair] if pair in self.cells else self.cells[pair[::-1]]

    def to_frame(self, value: str = "mi") -> "pandas.DataFrame":
        """Returns one value of all pairs as a symmetric data frame, NaN where there is none.

        Args:
            value: ``mi``, ``stderr``, or ``p_value`` of a test with permutations.
        """
        import pandas as pd

        frame = pd.DataFrame(float("nan"), index=[*self.columns], columns=[*self.columns])
        for (first, second), cell in self.cells.items():
            holder = cell.permutation if value == "p_value" else cell
            if holder is not None:
                number = getattr(holder, value)
                frame.loc[first, second] = frame.loc[second, first] = number
        return frame

    def to_long_frame(self) -> "pandas.DataFrame":
        """Returns a data frame with a row for each pair, also for a column and itself.

        Its columns are ``x``, ``y``, ``mi``, ``stderr``, ``ceiling``, ``unit``, ``method``, ``p_value`` (of a test
        with permutations), ``flags``, separated by spaces, and ``error``, why the pair has no value.
        """
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for pair, cell in self.cells.items():
            p_value = cell.permutation.p_value if cell.permutation else None
            numbers = cell.mi, cell.stderr, cell.ceiling, cell.unit, cell.method, p_value
            rows.append((*pair, *numbers, " ".join(cell.flags), ""))
        nothing = None, None, None, self.unit, self.method, None, ""
        rows += [(*pair, *nothing, message) for pair, message in self.errors.items()]
        return pd.DataFrame(rows, columns=LONG_COLUMNS)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: a list of cells, each with the names of its columns, and its estimate or its error."""
        cells: list[dict[str, Any]] = [
            {"x": x, "y": y} | cell.to_dict() for (x, y), cell in self.cells.items()
        ]
        cells += [{"x": x, "y": y, "error": message} for (x, y), message in self.errors.items()]
        names = {"columns": list(self.columns), "method": self.method, "unit": self.unit}
        return names | {"cells": cells}


def mi_matrix(
    frame: "pandas.DataFrame", method: str = "ksg", *, unit: str = "nats", **arguments: Any
) -> MIMatrix:
    """Estimates the mutual information of every pair of columns of a data frame.

    Columns are continuous or discrete, as :func:`~ibtrain.estimate` reads them; two discrete ones are counted, whatever
    the method. A pair that can't be estimated has an error instead of a value.

    Args:
        frame: Data frame with at least two columns, a row for each sample.
        method: Name of an estimator; ``ksg`` and ``gaussian`` are fast, and ``gaussian`` reads no discrete columns.
        unit: ``nats`` or ``bits``.
        **arguments: Further arguments of :func:`~ibtrain.estimate`, such as ``permutations``, ``blocks`` and ``k``.

    Returns:
        The estimates, a symmetric matrix, whose diagonal has the entropies of discrete columns and nothing else.

    Raises:
        DataError: If it is no data frame, or has fewer than two columns, or two of one name.
        ConfigError: If an argument is invalid.

    Example:
        >>> import numpy as np, pandas as pd
        >>> a, b = np.random.default_rng(0).standard_normal((2, 1000))
        >>> frame = pd.DataFrame({"a": a, "sum": a + b, "sign": np.where(b > 0, "plus", "minus")})
        >>> mi_matrix(frame, "ksg", unit="bits").to_frame().round(1)
                a  sum  sign
        a     NaN  0.5   0.0
        sum   0.5  NaN   0.4
        sign  0.0  0.4   1.0
    """
    if not hasattr(frame, "iloc"):
        expected = "a pandas data frame, such as pandas.DataFrame(array)"
        raise DataError(f"a {type(frame).__name__}", expected, "matrix")
    names = [str(name) for name in frame.columns]
    if len(names) < 2 or len(set(names)) < len(names):
        given = f"columns {', '.join(names) or 'none'}"
        raise DataError(given, "at least two columns with distinct names", "matrix")
    columns = {name: frame.iloc[:, index] for index, name in enumerate(names)}
    cells: dict[tuple[str, str], Estimate] = {}
    errors: dict[tuple[str, str], str] = {}
    for name, column in columns.items():
        try:
            side = check_side(name, column)
        except DataError as error:
            errors[name, name] = str(error)
        else:
            if side.classes is not None:
                cells[name, name] = _entropy(side.labels()).to_unit(unit)

    def cell_of(pair: tuple[str, str]) -> Estimate | str:
        """The estimate of a pair, or why it has none."""
        unreadable = next((errors[name, name] for name in pair if (name, name) in errors), None)
        if unreadable is not None:
            return unreadable
        try:
            x, y = (columns[name] for name in pair)
            return estimate(x, y, method, unit=unit, **arguments)
        except DataError as error:
            return str(error)

    pairs = list(combinations(names, 2))
    for pair, cell in zip(pairs, share_out(cell_of, pairs), strict=True):
        if isinstance(cell, str):
            errors[pair] = cell
        else:
            cells[pair] = cell
    return MIMatrix(tuple(names), cells, errors, method, unit)


def _entropy(labels: Any) -> Estimate:
    """The entropy of a discrete column from its counts, which is the ceiling of its information with other columns."""
    own = plug_in(labels, labels)
    return Estimate(
        own.ceiling,
        own.stderr,
        "entropy",
        own.ceiling,
        tuple(flag for flag in own.flags if flag in ENTROPY_FLAGS),
        n_test=own.n_test,
        seconds=own.seconds,
    )
