"""``ibtrain sweep``."""

from pathlib import Path
from typing import Any

import click

from ibtrain.cli.declared import NearChoice, keywords
from ibtrain.cli.groups import GroupedCommand
from ibtrain.cli.interrupts import interruptible
from ibtrain.cli.options import run_config, setting_of, settings_of, training_options
from ibtrain.cli.sessions import TrainingSession
from ibtrain.cli.streams import echo, say, text_width
from ibtrain.config import METHODS, Method
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import IBTrainError
from ibtrain.text import shell_word

__all__ = ["command"]


class Varied(click.ParamType[tuple[str, list[Any]]]):
    """A setting and its values, such as ``beta=0,1e-3`` or ``hidden=[500,256],[100,40]``."""

    name = "SETTING=VALUE,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        key, equals, text = value.partition("=")
        if not equals:
            self.fail(f"got {value!r}, expected SETTING=VALUE,... such as beta=0,1e-3", param, ctx)
        setting = setting_of(key)
        kind = click.types.convert_type(keywords(setting).get("type", bool))
        try:
            return setting, [kind.convert(word, param, ctx) for word in _words(text)]
        except click.BadParameter as error:
            self.fail(f"{key}: {error.message}", param, ctx)


def _words(text: str) -> list[str]:
    """The words between commas; commas within brackets belong to a word, and its brackets are removed."""
    words, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            words.append("")
        elif character not in "[]":
            words[-1] += character
    return words


@click.command("sweep", cls=GroupedCommand)
@click.option(
    "--vary",
    multiple=True,
    required=True,
    type=Varied(),
    help="A setting, by the name of its option, and its values; repeat it for further settings. A value that is a list "
    "has brackets: hidden=[500,256],[100,40].",
)
@click.option(
    "--methods",
    type=NearChoice(["both", "layerwise", "end-to-end"]),
    default="both",
    show_default=True,
    help="Methods that every run trains.",
)
@click.option(
    "--baseline",
    metavar="RUN",
    default="",
    help="Compare every other run with this one, by the name of its folder, method by method and paired over seeds; "
    "previous compares each with the one before it.",
)
@click.option(
    "--compare-by",
    "compare_by",
    metavar="SETTING",
    help="Compare runs that differ in this setting only, each with the first value, or with --baseline previous with the value "
    "before.",
)
@training_options
def command(
    vary: tuple[tuple[str, list[Any]], ...],
    methods: str,
    baseline: str,
    compare_by: str | None,
    settings: dict[str, Any],
    config_file: Path | None,
    run_dir: Path | None,
    as_json: bool,
    interval: CheckpointInterval,
    workers: int,
) -> None:
    """Train a run for every combination of some settings.

    Each run has a folder of its own in --run-dir. Finished runs are not repeated: the same command, or one with further
    values, trains what is missing. Several such commands may share the folder, on one machine or on several.
    """
    # imported here, so that an invalid option is reported before torch is loaded
    from ibtrain.io.documents import json_text
    from ibtrain.report.comparison import comparison_document, comparison_table, comparisons_table
    from ibtrain.report.forest import forest_figure
    from ibtrain.report.style import save_figure
    from ibtrain.report.table import TABLE_WIDTH
    from ibtrain.runs import RunFolder
    from ibtrain.runs.comparisons import compare_runs
    from ibtrain.runs.places import new_path
    from ibtrain.runs.summary import summarise, unfinished
    from ibtrain.runs.sweep import cell_name, combinations, train_cells

    chosen: tuple[Method, ...] = (
        METHODS if methods == "both" else (METHODS[methods == "end-to-end"],)
    )
    values: dict[str, list[Any]] = {}
    for setting, given in vary:
        values.setdefault(setting, []).extend(given)
    configs = {
        cell_name(cell): run_config({**settings, **cell}, config_file, chosen)
        for cell in combinations(values)
    }
    keys = settings_of(compare_by) if compare_by else []
    if baseline or keys:
        # finds mistakes before the training
        compare_runs([unfinished(name, config) for name, config in configs.items()], baseline, keys)
    root = run_dir or new_path(next(iter(configs.values())), "sweep")
    say(f"{len(configs)} runs in {root}")
    with interruptible(f"the same command with --run-dir {shell_word(str(root))}"):
        session, helper = (
            TrainingSession(is_named=True),
            TrainingSession(is_helper=True, is_named=True),
        )
        failed = train_cells(configs, root, interval, workers, session, helper_session=helper)
    runs = [summarise(RunFolder(root / name), config) for name, config in configs.items()]
    width = text_width() or TABLE_WIDTH
    comparisons = compare_runs(runs, baseline, keys) if baseline or keys else []
    if as_json:
        echo(json_text(comparison_document(runs, comparisons), str(root)))
    else:
        echo(comparison_table(runs, width))
        if comparisons:
            echo("\n" + comparisons_table(comparisons, width))
    if any(run.accuracies for run in runs):
        save_figure(forest_figure(runs), root / "sweep.png")
    say(f"folder: {root} (picture: sweep.png)")
    if failed:
        raise IBTrainError(f"{len(failed)} of {len(configs)} runs failed: {', '.join(failed)}")
