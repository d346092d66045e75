"""The ``ibtrain`` command: finds its subcommands, and says in one line what went wrong."""

import sys
from importlib import import_module
from typing import Any

import click

from ibtrain import __version__
from ibtrain.errors import IBTrainError

__all__ = ["cli"]

COMMANDS = {
    "bench": "Time everything, beside what the machine could do.",
    "compare": "Train layer-wise and end to end, measure both, and compare.",
    "estimate": "Estimate the mutual information of samples in a file.",
    "plane": "Draw the information plane of one or several runs.",
    "runs": "List the runs in a folder.",
    "train": "Train with one method.",
    "validate": "Check the estimators against problems whose answer is known.",
}
"""Each command's one line of help; its module is only imported when it is called."""


class Commands(click.Group):
    """A group whose commands are imported when they are needed, and whose errors are one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ibtrain.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = error.exit_code
        except click.ClickException as error:
            _say(error.format_message())
            code = error.exit_code
        except IBTrainError as error:
            _say(str(error))
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            _say("interrupted")
            code = 130
        sys.exit(code if isinstance(code, int) else 0)


def _say(message: str) -> None:
    click.echo("Error: " + " ".join(message.split()), err=True)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="ibtrain")
def cli() -> None:
    """Train networks layer by layer on the information bottleneck, beside backprop.

    Start with `ibtrain compare`: it needs no download and takes less than a minute.
    """
