"""The part of ``ibtrain estimate`` that estimates pairs of columns, or of arrays."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ibtrain.cli.streams import echo
from ibtrain.io.documents import json_text

__all__ = ["print_pairs"]

SCHEMA = 2
"""Version of the JSON document. In version 1, ``n_train`` included ``n_select``, and ``n_test`` was ``n_control`` where
there was one."""


def print_pairs(
    file: Path,
    pairs: Sequence[tuple[str, str]],
    condition: tuple[str, ...],
    method: str,
    curve: Path | None,
    output_options: dict[str, bool],
    arguments: dict[str, Any],
) -> None:
    """Prints the mutual information of pairs of columns, or of arrays, in a file.

    Args:
        file: The file.
        pairs: Choices of x and y.
        condition: The choice of z; empty without a condition.
        method: Name of the method.
        curve: File for the picture of the critic's training; None draws none.
        output_options: What is printed: ``as_json``, ``cite``, ``normalized``.
        arguments: Arguments of :func:`~ibtrain.mi.registry.estimate`.
    """
    from ibtrain.data.columns import read_columns
    from ibtrain.mi.citations import bibtex, method_sentence
    from ibtrain.mi.conditional.estimate import conditional_mi
    from ibtrain.mi.neural.convergence import CurvePoint
    from ibtrain.mi.registry import estimate
    from ibtrain.mi.result import Estimate
    from ibtrain.report.estimates import describe

    estimator: Callable[..., Estimate] = conditional_mi if condition else estimate
    choices = list(dict.fromkeys(choice for pair in (*pairs, condition) for choice in pair))
    columns = dict(zip(choices, read_columns(file, choices), strict=True))
    points: list[CurvePoint] = []
    documents = []
    for x, y in pairs:
        result = estimator(
            *(columns[choice] for choice in (x, y, *condition)),
            method=method,
            on_checkpoint=points.append,
            **arguments,
        )
        names = dict(zip("xyz", (x, y, *condition), strict=False))
        document = result.to_dict() | {"interval": _finite(result.interval)}
        if output_options["normalized"]:
            document["normalized"] = result.normalized
        text = describe(result, **names, normalized=output_options["normalized"])
        if output_options["cite"]:
            document |= {"cite": method_sentence(result), "bibtex": bibtex(result)}
            text += f"\n\n{method_sentence(result)}\n\n{bibtex(result)}"
        documents.append({**document, **names})
        if not output_options["as_json"]:
            echo("\n" * (len(documents) > 1) + text)
    if curve:
        from ibtrain.report.critic import critic_figure
        from ibtrain.report.style import save_figure

        save_figure(critic_figure(points, result), curve)
    if output_options["as_json"]:
        whole = documents[0] if len(documents) == 1 else {"estimates": documents}
        echo(json_text({**whole, "schema": SCHEMA}, "estimate"))


def _finite(interval: tuple[float, float]) -> list[float | None]:
    """The interval in JSON, where None is no upper end."""
    low, high = interval
    return [low, high if high < float("inf") else None]
