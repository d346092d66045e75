"""Writes docs/results.md: the text of results_template.md with tables made from records.

python benchmarks/results_page.py           # after a change of a record or of the text
python benchmarks/results_page.py --check   # exit code 1 if the page is not what this script writes

A record ``records/sweeps/NAME.json``, which ``ibtrain sweep ... --json`` prints, takes the place of ``@@sweep NAME@@``.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from page_parts import RECORDS
from results_tables import accuracies, blocks, layers, memorised, orders, planes
from sweep_tables import sweep

TEMPLATE = Path(__file__).parent / "results_template.md"
PAGE = Path(__file__).parents[1] / "docs" / "results.md"

TABLES: dict[str, Callable[[], str]] = {
    "accuracies": partial(accuracies, "compare-mnist.json", "compare-fashion-mnist.json"),
    "blocks": partial(blocks, "block-accuracies-cifar10-1000.json"),
    "blocks-20000": partial(blocks, "block-accuracies-cifar10-20000.json"),
    "orders": partial(orders, "training-orders.json"),
    "layers-mnist": partial(layers, "compare-mnist.json"),
    "layers-fashion-mnist": partial(layers, "compare-fashion-mnist.json"),
    "memorised-mnist": partial(memorised, "memorisation-mnist.json"),
    "memorised-fashion-mnist": partial(memorised, "memorisation-fashion-mnist.json"),
    "szt": partial(planes, "szt-planes.csv"),
    **{
        f"sweep {path.stem}": partial(sweep, path)
        for path in sorted((RECORDS / "sweeps").glob("*.json"))
    },
}
"""What takes the place of each line ``@@NAME@@`` of the template, and the records that it is made from."""


def page(template: str) -> str:
    """Fills a template with the tables.

    Args:
        template: Its text.

    Raises:
        click.ClickException: If it names a table that does not exist, or lacks one.
    """
    parts = re.split(r"^@@(.+)@@$", template, flags=re.MULTILINE)
    names = parts[1::2]
    if sorted(names) != sorted(TABLES):
        wrong = ", ".join(sorted({*names} ^ {*TABLES})) or "one of them twice"
        raise click.ClickException(
            f"the template needs each of {', '.join(TABLES)} once; wrong: {wrong}"
        )
    parts[1::2] = [TABLES[name]() for name in names]
    return "".join(parts)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing.")
def main(check: bool) -> None:
    """Write docs/results.md from its template and the records."""
    text = page(TEMPLATE.read_text())
    if not check:
        PAGE.write_text(text)
    elif text != PAGE.read_text():
        raise click.ClickException(f"{PAGE} is old: run python benchmarks/results_page.py")


if __name__ == "__main__":
    main()
