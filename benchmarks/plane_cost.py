"""What the information plane adds to a training on MNIST, and a point of it beside InformationPlane's recipe.

    python benchmarks/plane_cost.py --data-root ../shared/data -o benchmarks/records/plane-cost.json

The plane is measured after every epoch, as a run measures it, audits included. The recipe is given the trained
layers on so few samples that it finishes; its time grows in proportion to them.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import click
import torch

from ibtrain.backend.device import threads
from ibtrain.backend.environment import environment
from ibtrain.config import METHODS, Method, ModelConfig, PlaneConfig
from ibtrain.config.recipes import recipe
from ibtrain.data.dataset import Dataset
from ibtrain.data.load import load_dataset
from ibtrain.io.files import write_json
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.neural.mine import LabelMine
from ibtrain.mi.result import Estimate
from ibtrain.models.build import build_model
from ibtrain.plane.measures.probe import LinearProbe
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.tracker import InformationPlane
from ibtrain.train.callbacks import Event
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from information_plane_recipe import recipe as information_plane_recipe

TRAINERS = {"layerwise": LayerwiseTrainer, "end_to_end": EndToEndTrainer}


class Timed:
    """A plane that keeps the seconds that it took, and the layers as they are in the end."""

    def __init__(self, plane: InformationPlane) -> None:
        self.plane = plane
        self.seconds = 0.0
        self.layers: dict[str, torch.Tensor] = {}

    def __call__(self, event: Event) -> None:
        start = time.process_time()
        self.plane(event)
        self.seconds += time.process_time() - start
        if event.kind == "end":
            self.layers |= event.model.activations("test", self.plane.index["test"])


class Stopwatch:
    """The seconds that calls of a function take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            start = time.process_time()
            found = function(*arguments, **more)
            self.seconds += time.process_time() - start
            return found

        return call


def point_of(point: PlanePoint) -> dict[str, Any]:
    return {
        "layer": point.layer,
        "epoch": point.epoch,
        "mi_xt": point.estimates["mi_xt"].mi,
        "stderr": point.estimates["mi_xt"].stderr,
        "mi_ty": point.estimates["mi_ty"].mi,
        "channel": point.estimates["mi_xt_channel"].mi,
        "flags": point.estimates["mi_xt"].flags,
        "audit": point.estimates["mi_xt_audit"].mi if "mi_xt_audit" in point.estimates else None,
    }


class NoisyLabelMine(LabelMine):
    """The critic of I(T;Y) without its twin of I(H;Y), whose place in a point its value takes."""

    def __init__(
        self, dim: int, log_prior: torch.Tensor, noise_stds: Sequence[float], seed: int
    ) -> None:
        super().__init__(dim, log_prior, noise_stds[:1], seed)

    def set_noise(self, noise_stds: Sequence[float]) -> None:
        super().set_noise(noise_stds[:1])

    def evaluate(self, h: torch.Tensor, labels: torch.Tensor, ceiling: float) -> list[Estimate]:
        return super().evaluate(h, labels, ceiling) * 2


def measure(
    method: Method, data: Dataset, epochs: int, noise_std: float
) -> tuple[Timed, dict[str, Any]]:
    """A training with its plane, and what both took."""
    optim = recipe(method, data.name)
    optim = type(optim)(**{**vars(optim), "epochs": epochs})
    # as many log-spaced points as leave no epoch out
    timed = Timed(InformationPlane(data, noise_std, config=PlaneConfig(points=10 * epochs)))
    model = build_model(ModelConfig(), data, 0)
    references = Stopwatch()
    start = time.process_time()
    with (
        mock.patch("ibtrain.plane.measures.channel.channel_mi", references.timed(channel_mi)),
        mock.patch.object(LinearProbe, "fit", references.timed(LinearProbe.fit)),
    ):
        TRAINERS[method](model, optim=optim, callbacks=[timed]).fit(data)
    training = time.process_time() - start - timed.seconds
    terms = timed.seconds - references.seconds
    points = [point_of(point) for point in timed.plane.points]
    click.echo(
        f"{method}: training {training:.1f} s, {len(points)} points of the plane "
        f"{timed.seconds:.1f} s, {timed.seconds / training:.3f} of it, "
        f"{terms / training:.3f} without known-noise values and probes, "
        f"{timed.seconds / len(points):.2f} s a point"
    )
    return timed, {
        "training_seconds": training,
        "plane_seconds": timed.seconds,
        "ratio": timed.seconds / training,
        "ratio_without_references": terms / training,
        "points": points,
    }


@click.command()
@click.option("--data-root", required=True)
@click.option("--epochs", default=20, show_default=True)
@click.option(
    "--noise-std", default=2.0, show_default=True, help="Where ln N is above what layers know."
)
@click.option(
    "--method", "methods", type=click.Choice(METHODS), multiple=True, default=METHODS, help="Both."
)
@click.option("--repeats", default=1, show_default=True, help="Runs of each training.")
@click.option("--without-mi-hy", is_flag=True, help="I(X;T) and I(T;Y) are all that critics find.")
@click.option("--recipe-samples", default=1000, show_default=True, help="0 leaves the recipe out.")
@click.option("--recipe-steps", default=500, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path))
def main(
    data_root: str,
    epochs: int,
    noise_std: float,
    methods: tuple[Method, ...],
    repeats: int,
    without_mi_hy: bool,
    recipe_samples: int,
    recipe_steps: int,
    output: Path | None,
) -> None:
    """Times trainings with their planes, then the recipe on the last one's layers."""
    record: dict[str, Any] = {
        "environment": environment("cpu", 1),
        "epochs": epochs,
        "noise_std": noise_std,
        "without_mi_hy": without_mi_hy,
        "runs": {method: [] for method in methods},
    }
    label_critics = NoisyLabelMine if without_mi_hy else LabelMine
    with threads(1), mock.patch("ibtrain.plane.measures.mine.LabelMine", label_critics):
        data = load_dataset("mnist", data_root)
        for method in repeats * methods:
            timed, found = measure(method, data, epochs, noise_std)
            record["runs"][method].append(found)
        if recipe_samples:
            record["recipe"] = compare(timed, noise_std, recipe_samples, recipe_steps)
    if output:
        write_json(output, record)


def compare(timed: Timed, noise_std: float, samples: int, steps: int) -> dict[str, Any]:
    """The recipe on the trained network's layers, beside the plane's last point of each."""
    ours = timed.seconds / len(timed.plane.points)
    rows = {}
    for layer, h in timed.layers.items():
        chosen = h[:samples]
        start = time.process_time()
        value = information_plane_recipe(chosen, noise_std, steps)
        seconds = time.process_time() - start
        last = [point for point in timed.plane.points if point.layer == layer][-1]
        exact = channel_mi(chosen, noise_std).mi_xt.mi
        rows[layer] = {
            "seconds": seconds,
            "mi_xt": value,
            "channel": exact,
            "plane_mi_xt": last.estimates["mi_xt"].mi,
            "plane_channel": last.estimates["mi_xt_channel"].mi,
        }
        click.echo(
            f"{layer}: recipe {value:.2f} of {exact:.2f} nats in {seconds:.0f} s on {samples} samples; "
            f"plane {last.estimates['mi_xt'].mi:.2f} of {last.estimates['mi_xt_channel'].mi:.2f}"
        )
    ratio = statistics.mean(row["seconds"] for row in rows.values()) / ours
    click.echo(f"a point of the recipe costs {ratio:.0f} x one of the plane")
    return {"samples": samples, "steps": steps, "layers": rows, "times_as_dear": ratio}


if __name__ == "__main__":
    main()
