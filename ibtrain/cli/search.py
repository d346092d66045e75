"""``ibtrain sweep --search``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ibtrain.cli.interrupts import interruptible
from ibtrain.cli.plan import Plan
from ibtrain.cli.sessions import TrainingSession
from ibtrain.cli.streams import echo, say, text_width
from ibtrain.config.interval import CheckpointInterval
from ibtrain.errors import ConfigError, IBTrainError
from ibtrain.text import shell_word

__all__ = ["search"]


def search(
    plan: Plan,
    trials: int,
    sampler: str,
    seed: int,
    final_seeds: tuple[int, ...],
    run_dir: Path | None,
    interval: CheckpointInterval,
    workers: int,
    engine: str,
    *,
    as_json: bool,
) -> None:
    """Searches the best settings of each method, trains them with further seeds, and prints the results.

    Args:
        plan: Shared settings and the space.
        trials: Number of trials of each method.
        sampler: How settings are chosen.
        seed: Seed of the sampler.
        final_seeds: Seeds of the final runs; none for no final runs.
        run_dir: The folder; None for a new one.
        interval: Time or epochs between two checkpoints.
        workers: Number of processes.
        engine: Where they run besides this one.
        as_json: Whether a JSON document is printed.
    """
    from ibtrain.runs.places import new_path
    from ibtrain.runs.search import Search, search_trials
    from ibtrain.runs.search_results import check_final_seeds, final_configs, search_document
    from ibtrain.runs.sweep import train_cells

    if plan.cells:
        raise ConfigError("cells", "values and ranges to vary", f"{plan.where}: --search")
    config = plan.config({}, has_recipes=False)
    check_final_seeds(config, final_seeds)
    root = run_dir or new_path(config, "search")
    task = Search(config, plan.vary, trials, root, sampler, seed)
    say(f"{len(task)} trials in {root}")
    with interruptible(f"the same command with --run-dir {shell_word(str(root))}"):
        session = TrainingSession(is_named=True)
        helper = TrainingSession(is_helper=True, is_named=True)
        failed = search_trials(
            task, interval, workers, session, helper_session=helper, engine=engine
        )
        document = search_document(task)
        finals = final_configs(task, final_seeds)
        if final_seeds:
            say(f"{len(finals)} final runs with seeds {', '.join(map(str, final_seeds))}")
            failed |= train_cells(
                finals, root, interval, workers, session, helper_session=helper, engine=engine
            )
    _show(document, list(finals) if final_seeds else [], root, as_json=as_json)
    if failed:
        raise IBTrainError(f"{len(failed)} runs failed: {', '.join(failed)}")


def _show(document: Mapping[str, Any], finals: list[str], root: Path, *, as_json: bool) -> None:
    """Prints the trials and the verdict on the final runs."""
    from ibtrain.io.documents import json_text
    from ibtrain.report.comparison import comparison_document
    from ibtrain.report.search import final_text, search_text
    from ibtrain.report.table import TABLE_WIDTH
    from ibtrain.runs import RunFolder
    from ibtrain.runs.comparisons import compare_runs
    from ibtrain.runs.summary import last_environment, summarise

    runs = [summarise(RunFolder(root / name)) for name in finals]
    comparisons = compare_runs(runs[::-1]) if runs else []
    if as_json:
        final = comparison_document(runs, comparisons) if runs else None
        # of the training, which may have been an earlier command
        best = [tuned["best"] for tuned in document["methods"].values()]
        trained = [*best, *(run.name for run in runs if run.accuracies)]
        environment = last_environment(RunFolder(root / name) for name in trained)
        echo(json_text({**document, "final": final, "environment": environment}, str(root)))
    else:
        width = text_width() or TABLE_WIDTH
        echo(search_text(document, width))
        if runs:
            echo("\n" + final_text(runs, comparisons, width))
    say(f"folder: {root} (settings: best-*.toml, trials: search.json)")
