"""I(X; T), I(T; Y) and I(H; Y) by critics that follow a layer as it changes, and fresh ones that audit them."""

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
from ibtrain.plane.point import AUDIT

__all__ = ["LayerCritics", "Mine", "lags_behind"]

FIRST_FIT = 3
"""A critic's first fit, which starts from nothing, gets this many times the steps of a later one."""
MAX_LAG = 0.05
"""Share of the fresh critic's value by which a tracked one may be behind."""
STANDARD_ERRORS = 3.0
MIN_WIDTH = 64
"""Numbers that the critics of a layer hold for each of its units, at least."""


class Mine(Measure):
    """Lower bounds by MINE critics that are fitted to training activations and read on held-out ones.

    A critic continues from the layer's last measurement. At every so many points, and at the end of the layer's
    training, fresh critics audit it: one that is behind its layer is flagged ``lagging`` and replaced,
    before it is read as a layer that compresses.
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
        """The values of the critics that continue and, at an audit, those of fresh ones."""
        config = self.spec.config
        estimates = self._values(self.critics, layer)
        every = config.audit_every
        is_due = every and (layer.moment == "end" or (self.critics.fits - 1) % every == 0)
        if layer.moment == "start" or not is_due:
            return {**estimates}
        fresh = self.critics.fresh()
        audits = self._values(fresh, layer)
        behind = [name for name in audits if lags_behind(estimates[name], audits[name])]
        for name in behind:
            flags = (*estimates[name].flags, "lagging")
            estimates[name] = replace(estimates[name], flags=flags)
        if behind:
            self.critics = fresh
        return {**estimates, **{f"{name}{AUDIT}": value for name, value in audits.items()}}

    def _values(self, critics: "LayerCritics", layer: LayerSample) -> dict[str, Estimate]:
        critics.fit(layer.h_train, layer.y_train, layer.sigma, self.spec.config)
        return critics.evaluate(layer.h_test, layer.y_test)

    @classmethod
    def check_state(cls, state: dict[str, Any], spec: LayerSpec) -> None:
        """Compares the numbers that the critics hold with the dimension, which is one number in a file."""
        held = _count(state)
        if held < spec.dim * MIN_WIDTH:
            raise ValueError(f"critics of {held} numbers for {spec.dim} units")

    def state_dict(self) -> dict[str, Any]:
        """That of the critics."""
        return self.critics.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there, with critics of the same seed."""
        spec = self.spec
        self.critics = LayerCritics(spec.dim, spec.log_prior, state["seed"])
        self.critics.load_state_dict(state)


def _count(state: Any) -> int:
    """Numbers in the tensors of a state."""
    if isinstance(state, Tensor):
        return state.numel()
    inner = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return sum(map(_count, inner))


class LayerCritics:
    """One critic of (h, t), and two of the label, with t and with h.

    Args:
        dim: Dimension of the layer.
        log_prior: Logarithm of the classes' probabilities, ``(classes,)``, on the device used.
        seed: Of everything random.
    """

    def __init__(self, dim: int, log_prior: Float[Tensor, " classes"], seed: int) -> None:
        self.dim = dim
        self.log_prior = log_prior
        self.seed = seed
        self.input = InputMine(dim, (1.0,), seed, log_prior.device)
        self.label = LabelMine(dim, log_prior, (1.0, 0.0), seed)

    @property
    def fits(self) -> int:
        """How often they have been fitted."""
        return self.label.fits

    def state_dict(self) -> dict[str, Any]:
        """Everything that their next fits depend on."""
        return {
            "seed": self.seed,
            "input": self.input.state_dict(),
            "label": self.label.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there; of critics with the same seed."""
        self.input.load_state_dict(state["input"])
        self.label.load_state_dict(state["label"])

    def fresh(self) -> "LayerCritics":
        """Critics of the same layer that have seen nothing of it."""
        seed = derive_seed(self.seed, "audit", self.fits)
        return type(self)(self.dim, self.log_prior, seed)

    def fit(
        self,
        h: Float[Tensor, "n dim"],
        labels: Int[Tensor, " n"],
        sigma: float,
        config: PlaneConfig,
    ) -> None:
        """Continues all of them on the layer as it is now.

        Args:
            h: Clean activations of training samples, ``(n, dim)``.
            labels: Their classes, ``(n,)``.
            sigma: Standard deviation of the noise.
            config: Steps and batch size.
        """
        self.input.set_noise((sigma,))
        self.label.set_noise((sigma, 0.0))
        steps = config.critic_steps * (FIRST_FIT if self.fits == 0 else 1)
        self.input.fit(h, labels, steps=steps, batch_size=config.batch_size)
        self.label.fit(h, labels, steps=steps, batch_size=config.batch_size)

    def evaluate(self, h: Float[Tensor, "n dim"], labels: Int[Tensor, " n"]) -> dict[str, Estimate]:
        """What they say of held-out samples: ``mi_xt``, ``mi_ty`` and ``mi_hy``."""
        (mi_xt,) = self.input.evaluate(h, labels, math.log(len(h)))
        mi_ty, mi_hy = self.label.evaluate(h, labels, label_entropy(labels))
        return {"mi_xt": mi_xt, "mi_ty": mi_ty, "mi_hy": mi_hy}


def lags_behind(tracked: Estimate, fresh: Estimate) -> bool:
    """Whether a fresh critic finds more than chance and :data:`MAX_LAG` allow.

    Both are lower bounds, so that a critic that is behind reads like a layer that compresses.
    """
    chance = STANDARD_ERRORS * math.hypot(tracked.stderr, fresh.stderr)
    return fresh.mi - tracked.mi > max(chance, MAX_LAG * abs(fresh.mi))
