"""I(X; T), I(T; Y) and I(H; Y) by MINE critics that track a layer during training, audited by fresh critics."""

import math
from dataclasses import replace
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.backend.seeding import derive_seed
from ibtrain.config import PlaneConfig
from ibtrain.data.dataset import label_entropy
from ibtrain.mi.neural.mine import InputMine, LabelMine
from ibtrain.mi.result import Estimate
from ibtrain.plane.measures.base import LayerSample, LayerSpec, Measure, Quantity, Values
from ibtrain.plane.point import AUDIT_SUFFIX

__all__ = ["LayerCritics", "Mine", "lags_behind"]

FIRST_FIT_FACTOR = 3
"""Steps of a critic's first fit, from random weights, as a multiple of the steps of a later fit."""
MAX_LAG = 0.05
"""Largest lag of a tracked critic, as a share of the fresh critic's value."""
LAG_STANDARD_ERRORS = 3.0
"""Number of standard errors above which a lag is significant."""
MIN_NUMBERS_PER_UNIT = 64
"""Minimum size of a layer's critics: numbers in their states, for each unit of the layer."""


class Mine(Measure):
    """Lower bounds by MINE critics that are fitted to training activations and evaluated on held-out ones.

    Valid for every layer, as lower bounds in expectation; a value far below the exact one shows a critic that has not learned
    enough. A critic continues from the layer's last measurement. Every ``audit_every`` points, and at the end of the layer's
    training, fresh critics audit the tracked ones: a critic that lags behind its layer is flagged ``lagging`` and
    replaced, because its low value would look like compression.
    """

    quantities = (
        Quantity("mi_xt", "I(X;T) mine"),
        Quantity("mi_ty", "I(T;Y) mine"),
        Quantity("mi_hy", "I(H;Y) mine"),
    )
    axes = "mi_xt", "mi_ty"
    title = "MINE critics, held out (lower bounds)"

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__(spec)
        self.critics = LayerCritics(spec.dim, spec.log_prior, spec.seed)

    def measure(self, layer: LayerSample) -> Values:
        """Values of the tracked critics and, at an audit, of fresh ones."""
        is_first = self.critics.fits == 0
        estimates = self._values(self.critics, layer)
        interval = self.spec.config.audit_every
        is_due = interval and (layer.moment == "end" or (self.critics.fits - 1) % interval == 0)
        if is_first or not is_due:
            return {**estimates}
        fresh = self.critics.fresh()
        audits = self._values(fresh, layer)
        lagging = [name for name in audits if lags_behind(estimates[name], audits[name])]
        for name in lagging:
            flags = (*estimates[name].flags, "lagging")
            estimates[name] = replace(estimates[name], flags=flags)
        if lagging:
            self.critics = fresh
        return {**estimates, **{f"{name}{AUDIT_SUFFIX}": value for name, value in audits.items()}}

    def _values(self, critics: "LayerCritics", layer: LayerSample) -> dict[str, Estimate]:
        critics.fit(layer.h_train, layer.y_train, layer.sigma, self.spec.config)
        return critics.evaluate(layer.h_test, layer.y_test)

    @classmethod
    def check_state(cls, state: dict[str, Any], spec: LayerSpec) -> None:
        """Checks that the state is as large as critics of the layer's dimension are at least."""
        count = _count(state)
        if count < spec.dim * MIN_NUMBERS_PER_UNIT:
            raise ValueError(f"critics of {count} numbers for {spec.dim} units")

    def state_dict(self) -> dict[str, Any]:
        """State of the critics."""
        return self.critics.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a state of :meth:`state_dict`, with critics of the same seed."""
        spec = self.spec
        self.critics = LayerCritics(spec.dim, spec.log_prior, state["seed"])
        self.critics.load_state_dict(state)


def _count(state: Any) -> int:
    """Number of elements of all tensors in a state."""
    if isinstance(state, Tensor):
        return state.numel()
    inner = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return sum(map(_count, inner))


class LayerCritics:
    """The critics of a layer: one of (h, t), one of (t, y) and one of (h, y).

    Args:
        dim: Dimension of the layer.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        seed: Seeds everything random.
    """

    def __init__(self, dim: int, log_prior: Float[Tensor, " classes"], seed: int) -> None:
        self.dim = dim
        self.log_prior = log_prior
        self.seed = seed
        self.input = InputMine(dim, (1.0,), seed, log_prior.device)
        self.label = LabelMine(dim, log_prior, (1.0, 0.0), seed)

    @property
    def fits(self) -> int:
        """Number of fits so far."""
        return self.label.fits

    def state_dict(self) -> dict[str, Any]:
        """State on which the next fits depend."""
        return {
            "seed": self.seed,
            "input": self.input.state_dict(),
            "label": self.label.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a state of critics with the same seed."""
        self.input.load_state_dict(state["input"])
        self.label.load_state_dict(state["label"])

    def fresh(self) -> "LayerCritics":
        """Returns new critics of the same layer, which have not been fitted."""
        seed = derive_seed(self.seed, "audit", self.fits)
        return type(self)(self.dim, self.log_prior, seed)

    def fit(
        self,
        h: Float[Tensor, "n dim"],
        labels: Int[Tensor, " n"],
        sigma: float,
        config: PlaneConfig,
    ) -> None:
        """Continues to fit all critics, on the current activations.

        Args:
            h: Clean activations of training samples, ``(n, dim)``.
            labels: Their classes, ``(n,)``.
            sigma: Standard deviation of the noise.
            config: Steps and batch size.
        """
        self.input.set_noise((sigma,))
        self.label.set_noise((sigma, 0.0))
        steps = config.critic_steps * (FIRST_FIT_FACTOR if self.fits == 0 else 1)
        self.input.fit(h, labels, steps=steps, batch_size=config.batch_size)
        label_steps = (
            steps * (config.label_critic_steps or config.critic_steps) // config.critic_steps
        )
        self.label.fit(h, labels, steps=label_steps, batch_size=config.batch_size)

    def evaluate(self, h: Float[Tensor, "n dim"], labels: Int[Tensor, " n"]) -> dict[str, Estimate]:
        """Estimates ``mi_xt``, ``mi_ty`` and ``mi_hy`` on held-out samples."""
        (mi_xt,) = self.input.evaluate(h, labels, math.log(len(h)))
        mi_ty, mi_hy = self.label.evaluate(h, labels, label_entropy(labels))
        return {"mi_xt": mi_xt, "mi_ty": mi_ty, "mi_hy": mi_hy}


def lags_behind(tracked: Estimate, fresh: Estimate) -> bool:
    """Whether a fresh critic's value is higher by more than the sampling error and :data:`MAX_LAG`.

    Both values are lower bounds, so the low value of a lagging critic would look like compression.
    """
    error = LAG_STANDARD_ERRORS * math.hypot(tracked.stderr, fresh.stderr)
    return fresh.mi - tracked.mi > max(error, MAX_LAG * abs(fresh.mi))
