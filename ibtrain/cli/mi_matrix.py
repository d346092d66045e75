"""The part of ``ibtrain estimate`` that estimates all pairs of columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ibtrain.cli.streams import echo, text_width
from ibtrain.io.documents import json_text

__all__ = ["print_matrix"]

SCHEMA = 1
"""Version of the JSON document."""


def print_matrix(
    file: Path,
    chosen: Sequence[str],
    method: str,
    output: Path | None,
    output_options: dict[str, bool],
    arguments: dict[str, Any],
) -> None:
    """Prints the mutual information of all pairs of columns in a file.

    Args:
        file: The file.
        chosen: Choices of columns; none are all columns of a table, or of the array x.
        method: Name of the method.
        output: File for the pairs or the picture of their values; None writes none.
        output_options: Whether JSON and sources are printed: ``as_json``, ``cite``.
        arguments: Arguments of :func:`~ibtrain.mi.matrix.mi_matrix`.
    """
    from ibtrain.data.columns import read_frame
    from ibtrain.io.files import check_output, write_atomically
    from ibtrain.mi.citations import bibtex, method_sentence
    from ibtrain.mi.matrix import mi_matrix
    from ibtrain.report.matrix import matrix_figure, matrix_table
    from ibtrain.report.style import PICTURE_FORMATS, check_picture, save_figure

    is_csv = output is not None and output.suffix.lower() == ".csv"
    if output is not None and is_csv:
        check_output(output, "--output")
    elif output is not None:
        check_picture(output, "--output", (".csv", *PICTURE_FORMATS))
    frame = read_frame(file, chosen)
    matrix = mi_matrix(frame, method, **arguments)
    if output is not None and is_csv:
        write_atomically(output, matrix.to_long_frame().to_csv(index=False))
    elif output is not None:
        save_figure(matrix_figure(matrix), output)
    document, text = matrix.to_dict() | {"schema": SCHEMA}, matrix_table(matrix, text_width() or 80)
    if output_options["cite"]:
        methods = {cell.method: cell for pair, cell in matrix.cells.items() if len({*pair}) == 2}
        document["cite"] = [method_sentence(cell) for cell in methods.values()]
        document["bibtex"] = list(
            dict.fromkeys("\n\n".join(map(bibtex, methods.values())).split("\n\n"))
        )
        text = "\n\n".join([text, *document["cite"], *document["bibtex"]])
    echo(json_text(document, "matrix") if output_options["as_json"] else text)
