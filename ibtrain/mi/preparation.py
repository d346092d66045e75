"""From samples to a critic at its start: coordinates, closed form, and what scores them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ibtrain.mi.bases import Base, GaussianBase, MixtureBase, ZeroBase, fit_student
from ibtrain.mi.bounds import dv
from ibtrain.mi.critics import ClassCritic, PairCritic, SeparableCritic
from ibtrain.mi.marginals import fit_marginals
from ibtrain.mi.neural import NeuralSettings
from ibtrain.mi.samples import Samples
from ibtrain.mi.scorer import LabelScorer, PairScorer, Scorer
from ibtrain.mi.splits import Splits

__all__ = ["Prepared", "pair_scorer", "prepare"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """A critic at its start.

    Args:
        scorer: Scores the samples with it, on top of the closed form.
        critic: Zero everywhere, so far.
        base: The closed form, by its name among the settings.
    """

    scorer: Scorer
    critic: nn.Module
    base: str


def prepare(
    samples: Samples, splits: Splits, settings: NeuralSettings, device: torch.device
) -> Prepared:
    """Fits coordinates and closed form to the training split; the selection split picks the form.

    Args:
        samples: x, and y continuous or a label.
        splits: Which of them may be looked at for what.
        settings: Which coordinates, closed form and critic.
        device: Where the critic lives.
    """
    if samples.labels is not None:
        return _labels(samples, samples.labels, splits, settings, device)
    scorer = pair_scorer(samples, splits, settings, device)
    dims = scorer.x.shape[1], scorer.y.shape[1]
    return Prepared(scorer, _pair_critic(*dims, settings).to(device), scorer.base.kind)


def pair_scorer(
    samples: Samples, splits: Splits, settings: NeuralSettings, device: torch.device
) -> PairScorer:
    """Coordinates and closed form of a continuous y, as :func:`prepare` fits them, and no critic.

    Args:
        samples: x and y.
        splits: Which of them may be looked at for what.
        settings: Which coordinates and closed form.
        device: Where the scores are computed.
    """
    train = splits.train.numpy()
    dim_x = samples.x.shape[1]
    both = np.hstack([samples.x, samples.y])
    marginals = fit_marginals(both[train], normal_scores=settings.normal_scores)
    z = marginals(both)
    # as large as what is scored
    del both
    scorers = (
        PairScorer.at(z, dim_x, base, marginals, device, settings.negatives)
        for base in _bases(z[train], dim_x, settings.base)
    )
    return max(scorers, key=lambda scorer: _closed_value(scorer, splits.select))


def _closed_value(scorer: PairScorer, select: Tensor) -> float:
    return scorer.value(None, select, dv) if scorer.has_form else 0.0


def _pair_critic(dim_x: int, dim_y: int, settings: NeuralSettings) -> nn.Module:
    if settings.critic == "pair":
        return PairCritic(dim_x, dim_y, settings.hidden, zero_start=True)
    return SeparableCritic(dim_x, dim_y, settings.hidden, settings.embedding)


def _bases(z: Array, dim_x: int, name: str) -> list[Base]:
    """The closed forms to choose from; too few samples leave none but the one that says nothing."""
    if name == "none" or len(z) <= 2 * z.shape[1]:
        return [ZeroBase()]
    makers: dict[str, Callable[[], Base]] = {
        "gaussian": lambda: GaussianBase(z, dim_x),
        "student": lambda: fit_student(z, dim_x),
        "mixture": lambda: MixtureBase(z, dim_x),
    }
    if name != "auto":
        return [makers[name]()]
    # a mixture is often the better start, but the critic that starts from it ended up worse
    return [ZeroBase(), makers["gaussian"](), makers["student"]()]


def _labels(
    samples: Samples,
    labels: NDArray[np.int64],
    splits: Splits,
    settings: NeuralSettings,
    device: torch.device,
) -> Prepared:
    train = splits.train.numpy()
    marginals = fit_marginals(samples.x[train], normal_scores=settings.normal_scores)
    z = marginals(samples.x)
    # a class that the training split lacks keeps a prior, or its samples would count for nothing
    counts = np.bincount(labels[train], minlength=samples.num_classes).clip(min=0.5)
    log_prior = torch.from_numpy(np.log(counts / counts.sum())).float().to(device)
    critic = ClassCritic(z.shape[1], samples.num_classes, settings.hidden, zero_start=True)
    scorer = LabelScorer.at(z, samples, marginals, log_prior)
    return Prepared(scorer, critic.to(device), "none")
