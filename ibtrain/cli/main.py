"""The ``ibtrain`` command: imports its subcommands when needed, and reports errors in one line."""

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ibtrain.backend.openmp import discard_unusable_threads
from ibtrain.cli.streams import say, standard_streams
from ibtrain.errors import ConfigError, IBTrainError, IBTrainWarning
from ibtrain.text import abridged, hint

__all__ = ["cli"]

MAX_MESSAGE_LENGTH = 1000
"""Maximum number of characters in a message."""
COMMANDS = {
    "bench": "Time the main computations, and compare with the machine's limits.",
    "compare": "Train layer-wise and end-to-end, measure both, and compare.",
    "estimate": "Estimate the mutual information of samples in a file.",
    "measure": "Measure the saved activations of a run again.",
    "plane": "Draw the information plane of one or several runs.",
    "report": "Write an interactive page about one or several runs.",
    "resume": "Continue an interrupted run.",
    "runs": "List the runs in a folder.",
    "sweep": "Train a run for every combination of some settings.",
    "train": "Train with one method.",
    "validate": "Check the estimators on problems with known mutual information.",
}
"""Each command's line of help; the module of a command is imported when the command is called."""


class Commands(click.Group):
    """A group that imports its commands when they are called, and reports errors in one line."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No such command {args[0]!r}{hint(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

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

    def invoke(self, ctx: click.Context) -> Any:
        _prepare_process()
        return super().invoke(ctx)

    def main(self, *args: Any, **extra: Any) -> Any:
        with standard_streams():
            sys.exit(self._exit_code(*args, **extra))

    def _exit_code(self, *args: Any, **extra: Any) -> int:
        try:
            with _one_line_warnings():
                code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = error.exit_code
        except click.ClickException as error:
            _say("Error", error.format_message() + _list_hint(error.message))
            code = error.exit_code
        except IBTrainError as error:
            _say("Error", str(error))
            code = error.exit_code
        except OSError as error:
            # raised within a library: a full disk, too many open files, no folder for temporary files
            _say("Error", str(error))
            code = 1
        except ImportError as error:
            # too little memory for a library, or an incomplete installation
            _say("Error", f"a library can't be loaded: {error}")
            code = 1
        except MemoryError:
            _say("Error", "out of memory")
            code = 1
        except (click.Abort, KeyboardInterrupt):
            _say("Error", "interrupted")
            code = 130
        return code if isinstance(code, int) else 0


def _prepare_process() -> None:
    """Checks the working folder and the number of threads, before torch and its libraries are loaded.

    Raises:
        ConfigError: If the working folder has been deleted.
    """
    discard_unusable_threads()
    try:
        Path.cwd()
    except OSError as error:
        given = f"a folder that can't be found ({error.strerror})"
        raise ConfigError(given, "a folder that exists", "the working folder") from error


def _show_version(context: click.Context) -> None:
    if context.resilient_parsing:
        return
    from ibtrain.cli.version import show_version

    _prepare_process()
    show_version()
    context.exit()


def _list_hint(message: str) -> str:
    """What to write instead of numbers with spaces between them."""
    is_list = re.match(r"Got unexpected extra arguments? \([\d.e -]+\)", message)
    return ": values of a list have commas between them, such as 100,40" if is_list else ""


def _say(kind: str, message: str) -> None:
    # of the processes of torchrun, which meet the same errors, the first one tells
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK") != "0":
        return
    # click's messages may have several lines
    line = f"{kind}: " + " ".join(text.strip() for text in message.splitlines())
    # the middle is the given value, which the user knows; the end says what is expected
    say(abridged(line, MAX_MESSAGE_LENGTH))


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Shows this package's warnings in one line, like its errors, and other warnings as usual."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", IBTrainWarning)
        show = warnings.showwarning

        def showwarning(message: Any, category: Any, *args: Any, **kwargs: Any) -> None:
            if issubclass(category, IBTrainWarning):
                _say("Warning", str(message))
            else:
                show(message, category, *args, **kwargs)

        warnings.showwarning = showwarning
        yield


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, is_asked: _show_version(context) if is_asked else None,
    help="Show the versions of ibtrain, Python and torch, and the device, and exit.",
)
def cli() -> None:
    """Train networks layer by layer with the information bottleneck, and compare with backprop.

    Start with `ibtrain compare`: it needs no download and takes less than a minute.
    """
