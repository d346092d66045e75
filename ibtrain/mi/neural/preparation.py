"""From samples to a critic at its start: coordinates, closed form, and what scores them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ibtrain.mi.bounds.registry import dv
from ibtrain.mi.marginals import fit_marginals
from ibtrain.mi.neural.correlations import CROSS
from ibtrain.mi.neural.critics import ClassCritic, PairCritic, SeparableCritic
from ibtrain.mi.neural.fit import NeuralSettings
from ibtrain.mi.neural.inputs import fit_inputs, plain_inputs
from ibtrain.mi.neural.label_scorer import LabelScorer
from ibtrain.mi.neural.log_ratios import (
    GaussianLogRatio,
    Independent,
    LogRatioModel,
    MixtureLogRatio,
    fit_student,
)
from ibtrain.mi.neural.scorer import PairScorer, Scorer
from ibtrain.mi.neural.splits import Splits
from ibtrain.mi.samples import Samples

__all__ = ["Prepared", "pair_scorer", "prepare"]

Array = NDArray[np.float64]
FEW_DIMENSIONS = 3
"""Dimensions of x and y together up to which one network of both learns more, and sooner, than a product of two:
sharp edges across both, as those of additive uniform noise (0.17 of 1.71 nats)."""
FEW_NEGATIVES = 8
LABEL_RATE, LEAST_RATE = 5e-3, 1e-3
"""Learning rate of a label's critic, and the smallest one of a critic of many coordinates."""
RATE_TIMES_DIMENSIONS = 0.03
"""Adam moves every weight by about the rate, and so a unit by the rate times its coordinates. At 5e-3 whatever the
dimensions, narrow uniform noise in 1 + 1 lost 0.02 nats more, and a spiral in 25 + 25 lost 0.01 more; at 1e-3 one in
3 + 3 lost 0.03 more."""


@dataclass(frozen=True)
class Prepared:
    """A critic at its start.

    Args:
        scorer: Scores the samples with it, on top of the closed form.
        critic: Zero everywhere, so far.
        base: The closed form, by its name among the settings.
        settings: Those asked for, with what suits the samples where the choice was left.
    """

    scorer: Scorer
    critic: nn.Module
    base: str
    settings: NeuralSettings


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
    settings = _for_dimensions(settings, samples.x.shape[1] + samples.y.shape[1])
    scorer = pair_scorer(samples, splits, settings, device, has_critic=True)
    return Prepared(scorer, _pair_critic(scorer, settings).to(device), scorer.base.kind, settings)


def pair_scorer(
    samples: Samples,
    splits: Splits,
    settings: NeuralSettings,
    device: torch.device,
    *,
    has_critic: bool = False,
) -> PairScorer:
    """Coordinates and closed form of a continuous y, as :func:`prepare` fits them, and no critic.

    Args:
        samples: x and y.
        splits: Which of them may be looked at for what.
        settings: Which coordinates and closed form.
        device: Where the scores are computed.
        has_critic: Whether a critic will read the coordinates, and what it reads is fitted to them.
    """
    train = splits.train.numpy()
    dim_x = samples.x.shape[1]
    both = np.hstack([samples.x, samples.y])
    marginals = fit_marginals(both[train], normal_scores=settings.normal_scores)
    z = marginals(both)
    # as large as what is scored
    del both
    forms = _forms(z[train], dim_x, settings.base)
    inputs = fit_inputs(z[train], dim_x) if has_critic else plain_inputs(dim_x, z.shape[1] - dim_x)
    is_paired = _for_dimensions(settings, z.shape[1]).critic == "pair"

    own = marginals, device, settings.negatives, is_paired
    without = PairScorer.at(z, dim_x, Independent(), inputs, *own)

    def best_of(names: Sequence[str]) -> tuple[float, str, PairScorer]:
        scorers = ((name, without.with_base(forms[name](), z)) for name in names)
        judged = ((_closed_value(scorer, splits.select), name, scorer) for name, scorer in scorers)
        return max(judged, key=lambda candidate: candidate[0])

    if settings.base != "auto" or len(forms) == 1:
        return best_of(list(forms))[2]
    # a mixture is often the better start, but the critic that starts from it ended up worse
    gaussian = best_of([name for name in forms if name.startswith("gaussian")])
    heavy_tailed = best_of([gaussian[1].replace("gaussian", "student")])
    none = best_of(["none"])
    return max(none, gaussian, heavy_tailed, key=lambda candidate: candidate[0])[2]


def _closed_value(scorer: PairScorer, select: Tensor) -> float:
    return scorer.value(None, select, dv) if scorer.has_closed_form else 0.0


def _for_dimensions(settings: NeuralSettings, dims: int) -> NeuralSettings:
    """The settings with a critic and a rate that suit so many dimensions."""
    if settings.learning_rate is None:
        rate = max(LEAST_RATE, RATE_TIMES_DIMENSIONS / dims)
        settings = replace(settings, learning_rate=rate)
    if settings.critic != "auto":
        return settings
    if dims > FEW_DIMENSIONS:
        return replace(settings, critic="separable")
    return replace(
        settings,
        critic="pair",
        hidden=tuple(max(1, width // 2) for width in settings.hidden),
        negatives=settings.negatives or FEW_NEGATIVES,
    )


def _pair_critic(scorer: PairScorer, settings: NeuralSettings) -> nn.Module:
    dim_x, dim_y = (made_of.dim for made_of in scorer.inputs)
    if settings.critic == "pair":
        return PairCritic(dim_x, dim_y, settings.hidden, zero_start=True)
    return SeparableCritic(dim_x, dim_y, settings.hidden, settings.embedding)


def _forms(z: Array, dim_x: int, name: str) -> dict[str, Callable[[], LogRatioModel]]:
    """The closed forms to choose from; too few samples leave none but the one that says nothing."""
    if name == "none" or len(z) <= 2 * z.shape[1]:
        return {"none": Independent}
    # a single pair of coordinates has nothing to leave out
    is_one_pair = z.shape[1] == 2
    forms: dict[str, Callable[[], LogRatioModel]] = {"none": Independent}
    for cross in CROSS[:1] if is_one_pair and name == "auto" else CROSS:
        suffix = "" if cross == "full" else f"-{cross}"
        forms[f"gaussian{suffix}"] = partial(GaussianLogRatio, z, dim_x, cross)
        forms[f"student{suffix}"] = partial(fit_student, z, dim_x, cross)
    if name == "auto":
        return forms
    return {name: forms.get(name, partial(MixtureLogRatio, z, dim_x))}


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
    if settings.learning_rate is None:
        settings = replace(settings, learning_rate=LABEL_RATE)
    return Prepared(scorer, critic.to(device), "none", settings)
