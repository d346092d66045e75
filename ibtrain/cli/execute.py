"""Runs an experiment for a command: folder, progress, pictures, table."""

import json
from pathlib import Path
from typing import Any

import click

from ibtrain.cli.progress import Progress
from ibtrain.config import RunConfig

__all__ = ["execute"]


def execute(config: RunConfig, run_dir: Path | None, *, as_json: bool) -> None:
    """Trains, measures and reports; everything is checked before the folder is made."""
    # imported here so that a mistaken option is answered before torch is loaded
    from ibtrain.experiment import Experiment
    from ibtrain.report.pictures import save_pictures
    from ibtrain.report.table import results_table
    from ibtrain.runs import RunFolder, environment, save_checkpoint

    experiment = Experiment(config)
    folder = RunFolder.create(
        run_dir, config, environment(str(experiment.device), experiment.threads)
    )
    say = _to_stderr
    say(_opening(config, experiment, folder.path))
    with Progress(config, len(experiment.blocks)) as progress:
        results = experiment.run([progress], folder.append)
    for method, trained in results.methods.items():
        for result in trained:
            save_checkpoint(folder, f"{method}-seed{result.fit.seed}", result.fit.network)
    document = folder.write_results(results.to_dict())
    save_pictures(folder)
    if as_json:
        click.echo(json.dumps(document))
    else:
        click.echo(results_table(document))
    say(f"run folder: {folder.path} (pictures: plane.png, curves.png, layers.png)")


def _to_stderr(message: str) -> None:
    click.echo(message, err=True)


def _opening(config: RunConfig, experiment: Any, path: Path) -> str:
    data = experiment.data
    optims = "; ".join(
        f"{method.replace('_', '-')}: {o.epochs} epochs{' a block' if method == 'layerwise' else ''}, "
        f"batch {o.batch_size}, Adam {o.learning_rate:g} {o.schedule}"
        for method in config.methods
        for o in [config.optim(method)]
    )
    return (
        f"{data.name}: {len(data.train)} training and {len(data.test)} test samples of "
        f"{data.dim_x} values, {data.num_classes} classes; "
        f"{experiment.device}, {experiment.threads} thread{'s' * (experiment.threads > 1)}\n"
        f"{optims}\nwriting {path}"
    )
