"""Runs an experiment for a command: folder, progress, pictures, table."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ibtrain.cli.progress import Progress
from ibtrain.config import RunConfig

if TYPE_CHECKING:
    from ibtrain.train.stage import FitResult

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
    _say(_opening(config, experiment, folder.path))

    def save(fit: "FitResult") -> None:
        save_checkpoint(folder, f"{fit.method}-seed{fit.seed}", fit.network, fit.readout)

    with Progress(config, experiment.stages) as progress:
        results = experiment.run([progress], folder.append, save)
    document = folder.write_results(results.to_dict())
    save_pictures(folder)
    if as_json:
        click.echo(json.dumps(document))
    else:
        click.echo(results_table(document))
    pictures = ", ".join(sorted(path.name for path in folder.path.glob("*.png")))
    _say(f"run folder: {folder.path} (pictures: {pictures})")


def _say(message: str) -> None:
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
