"""NumPy archives, read without ever unpickling."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ibtrain.errors import DataError

__all__ = ["read_archive"]


def read_archive(
    path: Path, wanted: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file by their keys.

    Args:
        path: The file.
        wanted: Keys that must be there.
        optional: Keys that may be.

    Raises:
        DataError: The file is missing, is no npz, lacks a key, or an array holds objects that
            would have to be unpickled.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if not hasattr(file, "files"):
                raise DataError("a single array", "an npz archive with x and y", str(path))
            for key in wanted:
                if key not in file.files:
                    found = ", ".join(file.files) or "nothing"
                    raise DataError(f"keys {found}", f"a key {key!r}", str(path))
            return {key: file[key] for key in (*wanted, *optional) if key in file.files}
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("no such file", "an npz archive", str(path)) from error
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        expected = f"an npz archive of plain arrays ({reason})"
        raise DataError("a file that can't be read", expected, str(path)) from error
