"""The ``ibtrain`` command: finds its subcommands, and says in one line what went wrong."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ibtrain import __version__
from ibtrain.backend.openmp import discard_unusable_threads
from ibtrain.cli.streams import say, standard_streams
from ibtrain.errors import ConfigError, IBTrainError, IBTrainWarning
from ibtrain.text import abridged

__all__ = ["cli"]

LONGEST = 1000
"""Characters of a message."""
COMMANDS = {
    "bench": "Time everything, beside what the machine could do.",
    "compare": "Train layer-wise and end to end, measure both, and compare.",
    "estimate": "Estimate the mutual information of samples in a file.",
    "plane": "Draw the information plane of one or several runs.",
    "resume": "Go on with a run that was interrupted.",
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

    def invoke(self, ctx: click.Context) -> Any:
        _check_surroundings()
        return super().invoke(ctx)

    def main(self, *args: Any, **extra: Any) -> Any:
        with standard_streams():
            sys.exit(self._exit_code(*args, **extra))

    def _exit_code(self, *args: Any, **extra: Any) -> int:
        try:
            with _warnings_in_a_line():
                code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = error.exit_code
        except click.ClickException as error:
            _say("Error", error.format_message())
            code = error.exit_code
        except IBTrainError as error:
            _say("Error", str(error))
            code = error.exit_code
        except OSError as error:
            # from within a library: a full disk, too many open files, no folder for temporary files
            _say("Error", str(error))
            code = 1
        except ImportError as error:
            # too little memory for a library, or an installation that is not whole
            _say("Error", f"a library can't be loaded: {error}")
            code = 1
        except MemoryError:
            _say("Error", "out of memory")
            code = 1
        except (click.Abort, KeyboardInterrupt):
            _say("Error", "interrupted")
            code = 130
        return code if isinstance(code, int) else 0


def _check_surroundings() -> None:
    """Provides what torch and its libraries take for granted when they are loaded, which is later.

    Raises:
        ConfigError: If the working folder has been deleted.
    """
    discard_unusable_threads()
    try:
        Path.cwd()
    except OSError as error:
        given = f"a folder that can't be found ({error.strerror})"
        raise ConfigError(given, "a folder that exists", "the working folder") from error


def _say(kind: str, message: str) -> None:
    # click's messages may have several lines
    line = f"{kind}: " + " ".join(part.strip() for part in message.splitlines())
    # the middle is the value, which its owner knows; the end says what was expected
    say(abridged(line, LONGEST))


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Shows this package's own warnings as its errors are shown, and others as ever."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", IBTrainWarning)
        show = warnings.showwarning

        def showwarning(message: Any, category: Any, *where: Any, **more: Any) -> None:
            if issubclass(category, IBTrainWarning):
                _say("Warning", str(message))
            else:
                show(message, category, *where, **more)

        warnings.showwarning = showwarning
        yield


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="ibtrain")
def cli() -> None:
    """Train networks layer by layer on the information bottleneck, beside backprop.

    Start with `ibtrain compare`: it needs no download and takes less than a minute.
    """
