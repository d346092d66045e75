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
    dims = [samples.x.shape[1], samples.y.shape[1]]
    both = np.hstack([samples.x, samples.y])
    z = fit_marginals(both[train], normal_scores=settings.normal_scores)(both)
    inputs = torch.from_numpy(z).float().to(device).split(dims, dim=1)
    scorers = []
    for base in _bases(z[train], dims[0], settings.base):
        closed = torch.from_numpy(base.prepare(z)).to(device, _double(device)).split(dims, dim=1)
        scorers.append(
            PairScorer(inputs[0], inputs[1], base, closed[0], closed[1], settings.negatives)
        )
    return max(scorers, key=lambda scorer: _closed_value(scorer, splits.select))


def _closed_value(scorer: PairScorer, index: Tensor) -> float:
    pool = scorer.closed_pool(index)
    return pool.value(dv) if pool else 0.0


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
    z = fit_marginals(samples.x[train], normal_scores=settings.normal_scores)(samples.x)
    classes = int(labels.max()) + 1
    # a class that the training split lacks keeps a prior, or its samples would count for nothing
    counts = np.bincount(labels[train], minlength=classes).clip(min=0.5)
    log_prior = torch.from_numpy(np.log(counts / counts.sum())).float().to(device)
    critic = ClassCritic(z.shape[1], classes, settings.hidden, zero_start=True).to(device)
    x, y = torch.from_numpy(z).float().to(device), torch.from_numpy(labels).to(device)
    return Prepared(LabelScorer(x, y, log_prior), critic, "none")


def _double(device: torch.device) -> torch.dtype:
    # Apple's GPUs have no float64
    return torch.float32 if device.type == "mps" else torch.float64
