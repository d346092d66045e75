"""Logs to a CSV file."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ibtrain.errors import RunFolderError
from ibtrain.io.files import append_line, check_output, read_error, write_atomically
from ibtrain.loggers.base import LogEntry, Logger

__all__ = ["CSVLogger"]

COLUMNS = ("method", "seed", "layer", "epoch", "name", "value", "flags")


class CSVLogger(Logger):
    """Writes each number to a row of a CSV file, as soon as it is there.

    Args:
        path: The file.
        append: Whether rows are added to an existing file; otherwise it is replaced.

    Raises:
        ConfigError: If the file's folder does not exist.
        RunFolderError: If the file can't be written, or has other columns.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     logger = CSVLogger(f"{folder}/log.csv")
        ...     logger.log(LogEntry("layerwise", 0, "hidden1", 1, {"train_accuracy": 0.5}, {}))
        ...     print(logger.path.read_text())
        method,seed,layer,epoch,name,value,flags
        layerwise,0,hidden1,1,train_accuracy,0.5,
        <BLANKLINE>
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.path = Path(path)
        check_output(self.path, "CSVLogger")
        if append and self.path.exists():
            self._check_columns()
        else:
            write_atomically(self.path, _line(COLUMNS) + "\n")

    def log(self, entry: LogEntry) -> None:
        """Writes a row for each value."""
        rows = [
            _line(
                (
                    entry.method,
                    entry.seed,
                    entry.layer,
                    entry.epoch,
                    name,
                    value,
                    " ".join(entry.flags.get(name, ())),
                )
            )
            for name, value in entry.values.items()
        ]
        if rows:
            append_line(self.path, "\n".join(rows))

    def _check_columns(self) -> None:
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                first = file.readline().strip()
        except OSError as error:
            raise read_error(error, self.path) from error
        if first != _line(COLUMNS):
            raise RunFolderError("other columns", _line(COLUMNS), str(self.path))


def _line(cells: Sequence[object]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
