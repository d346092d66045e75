"""``ibtrain resume``."""

from pathlib import Path
from typing import Any

import click

from ibtrain.cli.execute import execute
from ibtrain.cli.options import execution_options

__all__ = ["command"]


@click.command("resume")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@execution_options
def command(run: Path, **options: Any) -> None:
    """Continue an interrupted run from its last checkpoint.

    The results are those of an uninterrupted run: on a CPU, all weights and metrics are identical to the
    last bit. The results of a finished run are shown again. Repeating the command that started the run,
    with its --run-dir, has the same effect.
    """
    from ibtrain.errors import RunFolderError
    from ibtrain.runs import RunFolder
    from ibtrain.runs.listing import find_runs

    if len(folders := find_runs(run)) > 1 or folders[0].path != run:
        expected = "a run: repeat the `ibtrain sweep` command with --run-dir FOLDER"
        raise RunFolderError("a sweep (a folder of runs)", expected, str(run))
    execute(RunFolder.open(run).config(), run, **options)
