"""``ibtrain sweep``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ibtrain.checks import ENGINES, check_engine
from ibtrain.cli.declared import CommaSeparated, NearChoice
from ibtrain.cli.groups import GroupedCommand
from ibtrain.cli.interrupts import interruptible
from ibtrain.cli.options import settings_of, training_options
from ibtrain.cli.plan import Plan
from ibtrain.cli.search import search
from ibtrain.cli.sessions import TrainingSession
from ibtrain.cli.streams import echo, say, text_width
from ibtrain.cli.varied import Varied
from ibtrain.config import METHODS, RunConfig
from ibtrain.config.interval import CheckpointInterval
from ibtrain.config.space import SAMPLERS, Range
from ibtrain.errors import ConfigError, IBTrainError
from ibtrain.text import shell_word

if TYPE_CHECKING:
    from ibtrain.runs.comparisons import Comparison
    from ibtrain.runs.summary import RunSummary

__all__ = ["command"]


@click.command("sweep", cls=GroupedCommand)
@click.argument("file", required=False, metavar="[FILE.toml]", type=click.Path(path_type=Path))
@click.option(
    "--vary",
    multiple=True,
    type=Varied(),
    help="A setting, by the name of its option, and its values; repeat it for further settings. A value that is a list "
    "has brackets: hidden=[500,256],[100,40].",
)
@click.option(
    "--methods",
    type=NearChoice(["both", "layerwise", "end-to-end"]),
    help="Methods that every run trains.  [both]",
)
@click.option(
    "--baseline",
    metavar="RUN",
    default="",
    help="Compare every other run with this one, by the name of its folder or cell, method by method and paired over seeds; "
    "previous compares each with the one before it. Where runs have names in a plan, values that vary have to agree.",
)
@click.option(
    "--compare-by",
    "compare_by",
    metavar="SETTING",
    help="Compare runs that differ in this setting only, each with the first value, or with --baseline previous with the value "
    "before.",
)
@click.option(
    "--search",
    "trials",
    type=click.IntRange(1),
    metavar="N",
    help="Search the best settings of each method by N trials on a validation split, instead of all combinations; --vary also "
    "takes ranges: lr=1e-4..1e-2:log.",
)
@click.option(
    "--sampler",
    type=NearChoice(SAMPLERS),
    default="tpe",
    show_default=True,
    help="How a search chooses settings; tpe and random need Optuna.",
)
@click.option(
    "--search-seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the sampler.",
)
@click.option(
    "--final-seeds",
    type=CommaSeparated(int),
    default=(),
    help="Train the best settings of each method with these seeds, evaluated on the test split.",
)
@click.option(
    "--engine",
    type=NearChoice(ENGINES),
    default="local",
    show_default=True,
    help="Where the processes of --workers run besides this one: on this machine, or as tasks of a Ray cluster whose machines share the folder.",
)
@training_options
def command(
    file: Path | None,
    vary: tuple[tuple[str, list[Any] | Range], ...],
    methods: str | None,
    baseline: str,
    compare_by: str | None,
    trials: int | None,
    sampler: str,
    search_seed: int,
    final_seeds: tuple[int, ...],
    engine: str,
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

    FILE.toml holds settings, the values that vary ([vary]) and runs with a name ([cells.NAME]); options override it
    (docs/runs.md#sweeps).
    """
    # imported here, so that an invalid option is reported before torch is loaded
    from ibtrain.runs import RunFolder
    from ibtrain.runs.places import new_path
    from ibtrain.runs.summary import summarise, unfinished

    check_engine(engine, workers)
    plan = _plan(file, config_file, vary, methods, settings)
    if baseline or compare_by:
        keys = settings_of(compare_by) if compare_by else []
        plan = replace(plan, baseline=baseline, compare_by=keys)
    if trials:
        if baseline or compare_by:
            option = "--baseline" if baseline else "--compare-by"
            expected = "neither with --search, which compares its final runs"
            raise ConfigError(baseline or compare_by, expected, option)
        search(
            plan,
            trials,
            sampler,
            search_seed,
            final_seeds,
            run_dir,
            interval,
            workers,
            engine,
            as_json=as_json,
        )
        return
    if final_seeds:
        raise ConfigError("--final-seeds", "--search with it", "sweep")
    configs = plan.configs()
    # finds mistakes before the training
    _compared(plan, [unfinished(name, config) for name, config in configs.items()])
    root = run_dir or new_path(next(iter(configs.values())), "sweep")
    failed = _train(configs, root, interval, workers, engine)
    runs = [summarise(RunFolder(root / name), config) for name, config in configs.items()]
    _show(plan, runs, _compared(plan, runs), root, as_json=as_json)
    if failed:
        raise IBTrainError(f"{len(failed)} of {len(configs)} runs failed: {', '.join(failed)}")


def _plan(
    file: Path | None,
    config_file: Path | None,
    vary: Sequence[tuple[str, list[Any] | Range]],
    methods: str | None,
    settings: Mapping[str, Any],
) -> Plan:
    """The plan of a file, with what the options add."""
    if file and config_file:
        raise ConfigError(f"{file} and {config_file}", "one file of settings", "--config")
    path = file or config_file
    plan = Plan.read(path) if path else Plan()
    values: dict[str, Any] = {}
    for setting, given in vary:
        earlier = values.get(setting, [])
        if earlier and not (isinstance(given, list) and isinstance(earlier, list)):
            raise ConfigError(f"{setting} twice", "values, or one range", "--vary")
        values[setting] = [*earlier, *given] if isinstance(given, list) else given
    if not values and not plan.vary and not plan.cells:
        raise ConfigError(
            "nothing to vary", "--vary SETTING=VALUE,... or a FILE.toml with values", "sweep"
        )
    options = dict(settings)
    if methods:
        options["methods"] = list(METHODS) if methods == "both" else [methods.replace("-", "_")]
    whole = replace(plan, base={**plan.base, **options}, vary={**plan.vary, **values})
    whole.check_once(options)
    return whole


def _compared(plan: Plan, runs: "Sequence[RunSummary]") -> "list[Comparison]":
    """The comparisons of the runs with each other that the plan asks for."""
    from ibtrain.runs.comparisons import compare_runs

    if not plan.baseline and not plan.compare_by:
        return []
    return compare_runs(runs, plan.baseline, plan.compare_by, plan.settings_within)


def _train(
    configs: Mapping[str, RunConfig],
    root: Path,
    interval: CheckpointInterval,
    workers: int,
    engine: str,
) -> dict[str, str]:
    """Trains what is missing; returns the message of each run that failed."""
    from ibtrain.runs.sweep import train_cells

    say(f"{len(configs)} runs in {root}")
    with interruptible(f"the same command with --run-dir {shell_word(str(root))}"):
        session = TrainingSession(is_named=True)
        helper = TrainingSession(is_helper=True, is_named=True)
        return train_cells(
            configs, root, interval, workers, session, helper_session=helper, engine=engine
        )


def _show(
    plan: Plan,
    runs: "Sequence[RunSummary]",
    comparisons: "Sequence[Comparison]",
    root: Path,
    *,
    as_json: bool,
) -> None:
    """Prints the tables or the JSON document, and draws the pictures."""
    from ibtrain.io.documents import json_text
    from ibtrain.report.comparison import comparison_document, comparison_table, comparisons_table
    from ibtrain.report.style import save_figure
    from ibtrain.report.sweep import sweep_figures
    from ibtrain.report.table import TABLE_WIDTH
    from ibtrain.runs import RunFolder
    from ibtrain.runs.summary import last_environment

    width = text_width() or TABLE_WIDTH
    if as_json:
        # of the training, which may have been an earlier command
        environment = last_environment(RunFolder(root / run.name) for run in runs if run.accuracies)
        document = {**comparison_document(runs, comparisons), "environment": environment}
        echo(json_text(document, str(root)))
    else:
        echo(comparison_table(runs, width))
        if comparisons:
            echo("\n" + comparisons_table(comparisons, width))
    varied = [settings_of(word) for word in plan.vary]
    figures = sweep_figures(runs, varied, comparisons, has_cells=bool(plan.cells))
    for name, figure in figures.items():
        save_figure(figure, root / name)
    drawn = f" (picture{'s' * (len(figures) > 1)}: {', '.join(figures)})" if figures else ""
    say(f"folder: {root}{drawn}")
