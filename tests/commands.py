"""Commands, as a user types them."""

from pathlib import Path

from click.testing import CliRunner, Result

from ibtrain.cli.main import cli


def run(*arguments: str | Path) -> Result:
    """What a command ended as; an error that isn't told in a line is raised."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
