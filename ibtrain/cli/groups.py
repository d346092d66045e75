"""The help of a command with many options, in groups."""

import click

__all__ = ["GroupedCommand"]

DATA = (
    "dataset",
    "data_root",
    "target",
    "train_share",
    "train_samples",
    "label_noise",
    "resize",
    "validation",
    "evaluate_on",
)
GROUPS = {
    "model": "Network",
    "optim": "Optimiser",
    "objective": "Objective of the blocks (layer-wise training)",
    "plane": "Information plane",
}
"""Title of the options of each table of settings."""


def _title(name: str) -> str:
    return "Data" if name in DATA else GROUPS.get(name.partition("_")[0], "Run")


class GroupedCommand(click.Command):
    """A command whose help shows the options of data, network, optimiser, objective, plane and run apart."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {
            title: [] for title in ("Data", *GROUPS.values(), "Run")
        }
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                groups[_title(str(parameter.name))].append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
