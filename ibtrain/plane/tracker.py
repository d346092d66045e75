"""Listens to a trainer and measures its layers on the information plane as they change."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from ibtrain.checks import LARGEST_FLOAT32, check_integer
from ibtrain.config import Method, PlaneConfig, check_noise_std
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import ConfigError, NonFiniteError
from ibtrain.gradients import differentiable
from ibtrain.memory import memory_advice
from ibtrain.mi.channel import channel
from ibtrain.mi.noise import activation_scale
from ibtrain.mi.result import Estimate
from ibtrain.plane.critics import LayerCritics, lags_behind
from ibtrain.plane.point import PlanePoint
from ibtrain.plane.probe import LinearProbe
from ibtrain.seeding import derive_seed, generator
from ibtrain.train.events import Event

__all__ = ["InformationPlane", "log_spaced_epochs", "plane_index"]


MIN_WIDTH = 64
"""Numbers that the critics of a layer hold for each of its units, at least."""
_LESS = "--plane-samples, or train_samples and batch_size of the plane in --config"


def log_spaced_epochs(epochs: int, points: int) -> list[int]:
    """Epochs at which a plane is measured: 0, then log-spaced from 1 to the last.

    Args:
        epochs: Epochs of the training.
        points: How many at most; rounding to whole epochs merges some. At least 2.

    Returns:
        The epochs in order, 0 and ``epochs`` among them.
    """
    if points < 3 or epochs == 1:
        return [0, epochs]
    ratio = epochs ** (1 / (points - 2))
    return sorted({0, epochs, *(round(ratio**k) for k in range(points - 1))})


def plane_index(split: Split, count: int) -> Int[Tensor, " n"]:
    """Which samples of a split the plane reads: at most ``count``, drawn once for all runs.

    They are drawn, and not the first ones, because many data sets come sorted by class.
    """
    if count >= len(split):
        return torch.arange(len(split), device=split.y.device)
    order = torch.randperm(len(split), generator=generator(torch.device("cpu"), 0, "plane"))
    return order[:count].to(split.y.device)


def _count(state: Any) -> int:
    """Numbers in the tensors of a state."""
    if isinstance(state, Tensor):
        return state.numel()
    inner = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return sum(map(_count, inner))


class InformationPlane:
    """A trainer's listener that records where every layer is on the information plane.

    At log-spaced epochs, and at the start and end of each stage, it measures the layers in
    training: I(x; t) and I(t; y) by warm-started MINE critics fitted to training activations and
    evaluated on held-out ones, both again from the known noise, I(h; y), and a linear probe. What
    is held out is a fixed random part of the test split. Now and then fresh critics, fitted from
    nothing, audit the warm-started ones: a critic that is behind its layer is flagged ``lagging``, and
    replaced, before it is read as a layer that compresses.

    Args:
        data: What is being trained on.
        noise_std: Standard deviation of the noise, one value or one for each layer in order.
        noise_scale: ``absolute``, or ``relative`` to each layer's own scale at the time.
        config: Points, samples and critic steps.
        seed: Of critics and noise.
        on_point: Called with each point as it is measured.

    Raises:
        ConfigError: If there is no noise, without which I(x; t) is infinite or constant, or if
            float32 can't hold it.
    """

    @differentiable()
    def __init__(
        self,
        data: Dataset,
        noise_std: float | tuple[float, ...] = 0.5,
        noise_scale: str = "absolute",
        config: PlaneConfig | None = None,
        *,
        seed: int = 0,
        on_point: Callable[[PlanePoint], None] | None = None,
    ) -> None:
        self.noise_stds = noise_std if isinstance(noise_std, tuple) else (noise_std,)
        for value in self.noise_stds:
            check_noise_std("noise_std of the information plane", value)
        if min(self.noise_stds) <= 0:
            expected = "above 0 (I(x; h) of a deterministic layer is infinite or constant)"
            raise ConfigError(noise_std, expected, "noise_std of the information plane")
        self.relative = noise_scale == "relative"
        self.config = config or PlaneConfig()
        self.seed = seed
        self.on_point = on_point
        self.points: list[PlanePoint] = []
        self.train_index = plane_index(data.train, self.config.train_samples)
        self.test_index = plane_index(data.test, self.config.samples)
        self.y_train = data.train.y[self.train_index]
        self.y_test = data.test.y[self.test_index]
        # the known noise has no use for a class of which there is no sample
        self._present_y_test = self.y_test.unique(return_inverse=True)[1]
        self.log_prior = data.log_prior
        self.num_classes = data.num_classes
        self._critics: dict[tuple[Method, str], LayerCritics] = {}
        self._probes: dict[tuple[Method, str], LinearProbe] = {}

    def __call__(self, event: Event) -> None:
        """Measures the layers in training, if this is a moment to."""
        if self.config.points == 0 or not self._is_due(event):
            return
        with memory_advice(f"plane, {event.stage}", _LESS):
            self._measure_all(event)

    def _measure_all(self, event: Event) -> None:
        """Every layer in training."""
        if event.kind == "start":
            # layers of earlier stages are frozen, and followed no more
            self._critics, self._probes = {}, {}
        before = event.snapshot.activations("train", self.train_index)
        held_out = event.snapshot.activations("test", self.test_index)
        for index, (layer, h_train) in enumerate(before.items(), event.index):
            point = self._measure(event, layer, index, h_train, held_out[layer])
            self.points.append(point)
            if self.on_point:
                self.on_point(point)

    def state_dict(self) -> dict[str, Any]:
        """The points so far, and what follows the layers that are in training."""
        return {
            "points": [point.to_dict() for point in self.points],
            "layers": [
                {
                    "method": method,
                    "layer": layer,
                    "dim": critics.dim,
                    "critics": critics.state_dict(),
                    "probe": self._probes[method, layer].state_dict(),
                }
                for (method, layer), critics in self._critics.items()
            ],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there.

        Raises:
            ValueError: If a layer is declared to be wider than what its critics hold.
        """
        self.points = [PlanePoint.from_dict(point) for point in state["points"]]
        for entry in state["layers"]:
            key = (entry["method"], entry["layer"])
            # before anything is built, for which the dimension is only a number in a file
            check_integer("dim", entry["dim"], 1)
            held = _count(entry["critics"])
            if entry["probe"]["weight"].shape != (self.num_classes, entry["dim"]):
                raise ValueError(f"a probe of another width than {entry['dim']}")
            if held < entry["dim"] * MIN_WIDTH:
                raise ValueError(f"critics of {held} numbers for {entry['dim']} units")
            self._follow(key, entry["dim"], entry["critics"]["seed"])
            self._critics[key].load_state_dict(entry["critics"])
            self._probes[key].load_state_dict(entry["probe"])

    def _follow(self, key: tuple[Method, str], dim: int, seed: int) -> None:
        """Makes what follows a layer."""
        self._critics[key] = LayerCritics(dim, self.log_prior, seed)
        self._probes[key] = LinearProbe(dim, self.num_classes, self.log_prior.device)

    def _noise_std(self, index: int) -> float:
        if len(self.noise_stds) == 1:
            return self.noise_stds[0]
        if index >= len(self.noise_stds):
            expected = "1, or one for each layer"
            raise ConfigError(f"{len(self.noise_stds)} values", expected, "noise_std of the plane")
        return self.noise_stds[index]

    def _is_due(self, event: Event) -> bool:
        if event.kind != "epoch":
            return True
        due = log_spaced_epochs(event.epochs, self.config.points)
        return event.epoch in due and event.epoch != event.epochs

    def _measure(
        self, event: Event, layer: str, index: int, h_train: Tensor, h_test: Tensor
    ) -> PlanePoint:
        where = f"{event.method}, {layer}, epoch {event.epoch}, seed {event.seed}"
        scale = activation_scale(h_train).item()
        if not math.isfinite(scale):
            raise NonFiniteError(f"{where}: the activations' scale became {scale}")
        sigma = self._noise_std(index)
        sigma = sigma * scale if self.relative else sigma
        key = (event.method, layer)
        if event.kind == "start":
            seed = derive_seed(self.seed, event.method, layer)
            self._follow(key, h_train.shape[1], seed)
        estimates, audits = self._estimates(key, event.kind, sigma, h_train, h_test)
        known = channel(h_test, sigma, self._present_y_test, seed=derive_seed(self.seed, "channel"))
        assert known.mi_ty is not None
        self._probes[key].fit(h_train, self.y_train)
        point = PlanePoint(
            method=event.method,
            seed=event.seed,
            layer=layer,
            epoch=event.epoch,
            sigma=sigma,
            activation_scale=scale,
            probe_accuracy=self._probes[key].accuracy(h_test, self.y_test),
            mi_xt_channel=known.mi_xt,
            mi_ty_channel=known.mi_ty,
            **estimates,
            audits=audits,
        )
        for name, value in point.values():
            if not abs(value) < LARGEST_FLOAT32:
                raise NonFiniteError(f"{where}: {name} became {value} on the plane")
        return point

    def _estimates(
        self, key: tuple[Method, str], moment: str, sigma: float, h_train: Tensor, h_test: Tensor
    ) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
        """The tracked critics' values and, at an audit, those of fresh ones."""
        tracked = self._critics[key]
        tracked.fit(h_train, self.y_train, sigma, self.config)
        estimates = tracked.evaluate(h_test, self.y_test)
        every = self.config.audit_every
        is_due = every and (moment == "end" or (tracked.fits - 1) % every == 0)
        if moment == "start" or not is_due:
            return estimates, {}
        fresh = tracked.fresh()
        fresh.fit(h_train, self.y_train, sigma, self.config)
        audits = fresh.evaluate(h_test, self.y_test)
        behind = [name for name in audits if lags_behind(estimates[name], audits[name])]
        for name in behind:
            flags = (*estimates[name].flags, "lagging")
            estimates[name] = replace(estimates[name], flags=flags)
        if behind:
            self._critics[key] = fresh
        return estimates, audits
