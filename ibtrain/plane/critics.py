"""The critics that follow one layer as it changes, and the fresh ones that audit them."""

import math
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from ibtrain.config import PlaneConfig
from ibtrain.data.dataset import label_entropy
from ibtrain.mi.mine import InputMine, LabelMine
from ibtrain.mi.result import Estimate
from ibtrain.seeding import derive_seed

__all__ = ["LayerCritics", "lags_behind"]

FIRST_FIT = 3
"""A critic's first fit, which starts from nothing, gets this many times the steps of a later one."""
LAG = 0.05
"""Share of the fresh critic's value by which a tracked one may be behind."""
STANDARD_ERRORS = 3.0


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
    """Whether a fresh critic finds more than chance and :data:`LAG` allow.

    Both are lower bounds, so that a critic that is behind reads like a layer that compresses.
    """
    chance = STANDARD_ERRORS * math.hypot(tracked.stderr, fresh.stderr)
    return fresh.mi - tracked.mi > max(chance, LAG * abs(fresh.mi))
