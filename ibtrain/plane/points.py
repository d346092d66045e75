"""Points of the information plane as tables, pictures and files."""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.io.files import read_error, write_atomically
from ibtrain.lazy import html_method, load_object
from ibtrain.plane.point import IDENTITY_FIELDS, PlanePoint

if TYPE_CHECKING:
    import pandas

__all__ = ["PlanePoints", "csv_text"]

COLUMNS = (*IDENTITY_FIELDS, "name", "value", "stderr", "unit", "ceiling", "flags", "estimator", "n_train", "n_test")  # fmt: skip


class PlanePoints:
    """Points of the information plane, such as those of a watched model, or of a file ``plane.csv``.

    Args:
        points: The points, in the order in which they were measured.
    """

    def __init__(self, points: Iterable[PlanePoint] = ()) -> None:
        self.points = list(points)

    def __repr__(self) -> str:
        layers = len({point.layer for point in self.points})
        return f"<{type(self).__name__}: {len(self.points)} points of {layers} layers>"

    _repr_html_ = html_method("ibtrain.report.notebook:points_html")

    def to_frame(self) -> "pandas.DataFrame":
        """All points as a data frame: a row for each point, a column for each value and each standard error.

        The last column, ``flags``, has the flags of all values of a row, separated by spaces.
        """
        import pandas as pd

        rows = []
        for point in self.points:
            row = {**{name: getattr(point, name) for name in IDENTITY_FIELDS}, **point.scalars}
            for name, estimate in point.estimates.items():
                row |= {name: estimate.mi, f"{name}_stderr": estimate.stderr}
            rows.append(row)
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: [row.get(name) for row in rows] for name in names}
        return pd.DataFrame(columns | {"flags": list(map(_flags, self.points))})

    def plot(self, ax: Any = None, measure: str | None = None) -> Any:
        """Draws the path of each layer on the plane; see :func:`~ibtrain.report.watched.plot_points`.

        Args:
            ax: Axis to draw on; None creates a figure, ``axis.figure``.
            measure: Name of the measure to draw, such as ``binned``, or of one of its estimates; None is the exact one where there is one, and
                else the first.

        Returns:
            The axis.
        """
        # by its name: only reports draw, and they are in a higher layer
        return load_object("ibtrain.report.watched:plot_points")(self.points, ax, measure)

    def save(self, path: str | Path) -> None:
        """Writes all points to a CSV file, with a row for each value, as ``plane.csv`` in a run's folder.

        Args:
            path: The file, which is replaced if it exists.

        Raises:
            RunFolderError: If the file can't be written.
        """
        write_atomically(Path(path), csv_text(self.points))

    @classmethod
    def load(cls, path: str | Path) -> "PlanePoints":
        """Reads a file of :meth:`save`.

        Args:
            path: The file.

        Raises:
            RunFolderError: If the file can't be read, or a row is broken.
        """
        rows: dict[tuple[str, ...], dict[str, Any]] = {}
        try:
            with open(path, newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, restval="")
                if tuple(reader.fieldnames or ()) != COLUMNS:
                    expected = f"the columns {', '.join(COLUMNS)}"
                    raise RunFolderError("other columns", expected, str(path))
                for row in reader:
                    key = tuple(row[name] for name in IDENTITY_FIELDS)
                    rows.setdefault(key, _identity(row))[row["name"]] = _value(row)
        except OSError as error:
            raise read_error(error, Path(path)) from error
        except (ValueError, TypeError, csv.Error) as error:
            where = f"{path}: line {reader.line_num}"
            raise RunFolderError(f"a broken row ({error})", "a value of a plane", where) from error
        try:
            return PlanePoints(PlanePoint.from_dict(values) for values in rows.values())
        except ConfigError as error:
            where = f"{path}: {error.where}"
            raise RunFolderError(error.given, error.expected, where) from error


def csv_text(points: Iterable[PlanePoint]) -> str:
    """All points in CSV format, with a row for each value.

    The standard error, ceiling, flags and estimator of a plain number are empty.

    Args:
        points: The points.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for point in points for row in _rows(point))
    return text.getvalue()


def _flags(point: PlanePoint) -> str:
    flags = (flag for estimate in point.estimates.values() for flag in estimate.flags)
    return " ".join(dict.fromkeys(flags))


def _rows(point: PlanePoint) -> Iterator[dict[str, Any]]:
    identity = {name: getattr(point, name) for name in IDENTITY_FIELDS}
    for name, value in point.scalars.items():
        yield {**identity, "name": name, "value": value}
    for name, estimate in point.estimates.items():
        yield {
            **identity,
            "name": name,
            "value": estimate.mi,
            "stderr": estimate.stderr,
            "unit": estimate.unit,
            "ceiling": estimate.ceiling,
            "flags": " ".join(estimate.flags),
            "estimator": estimate.method,
            "n_train": estimate.n_train,
            "n_test": estimate.n_test,
        }


def _identity(row: dict[str, str]) -> dict[str, Any]:
    epoch = float(row["epoch"])
    return {
        "method": row["method"],
        "seed": int(row["seed"]),
        "layer": row["layer"],
        "epoch": int(epoch) if epoch.is_integer() else epoch,
    }


def _value(row: dict[str, str]) -> float | dict[str, Any]:
    """A plain number, or the JSON form of an estimate."""
    if not row["estimator"]:
        return float(row["value"])
    ceiling = float(row["ceiling"])
    return {
        "mi": float(row["value"]),
        "stderr": float(row["stderr"]),
        "unit": row["unit"],
        "method": row["estimator"],
        "ceiling": ceiling if math.isfinite(ceiling) else None,
        "flags": row["flags"].split(),
        "n_train": int(row["n_train"]),
        "n_test": int(row["n_test"]),
    }
