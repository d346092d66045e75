"""Preparation of a fit: coordinates, closed form, scorer and untrained critic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ibtrain.mi.bounds.registry import dv
from ibtrain.mi.marginals import fit_marginals
from ibtrain.mi.neural.correlations import CROSS_STRUCTURES
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

__all__ = ["Prepared", "for_dimensions", "pair_scorer", "prepare"]

Array = NDArray[np.float64]
PAIR_CRITIC_DIMENSIONS = 3
"""Dimensions of x and y together up to which a pair critic learns more, and faster, than a separable one: sharp edges
that depend on both, such as those of additive uniform noise (0.17 of 1.71 nats)."""
PAIR_CRITIC_NEGATIVES = 8
"""Negatives for each sample where a pair critic is chosen automatically."""
LABEL_LEARNING_RATE, MIN_LEARNING_RATE = 5e-3, 1e-3
"""Learning rate of a label's critic, and smallest automatic learning rate of other critics."""
RATE_TIMES_DIMENSIONS = 0.03
"""Learning rate times dimensions: Adam changes each weight by about the learning rate, and so a unit by the rate times
its coordinates. With 5e-3 for all dimensions, narrow uniform noise in 1 + 1 lost 0.02 nats more, and a spiral in
25 + 25 lost 0.01 more; with 1e-3, a spiral in 3 + 3 lost 0.03 more."""


@dataclass(frozen=True)
class Prepared:
    """An untrained critic with its scorer.

    Args:
        scorer: Adds the critic's scores of the samples to those of the closed form.
        critic: The critic, whose scores are all zero.
        base: Name of the closed form, as in the settings.
        settings: The settings, with ``auto`` and None replaced by values that suit the samples.
    """

    scorer: Scorer
    critic: nn.Module
    base: str
    settings: NeuralSettings


def prepare(
    samples: Samples, splits: Splits, settings: NeuralSettings, device: torch.device
) -> Prepared:
    """Fits coordinates and closed forms to the training split; selects a form on the selection split.

    Args:
        samples: x, and y, which is continuous or a label.
        splits: Indices of the training and the selection samples.
        settings: Settings of the coordinates, closed form and critic.
        device: Device of the critic.
    """
    if samples.labels is not None:
        return _prepare_labels(samples, samples.labels, splits, settings, device)
    settings = for_dimensions(settings, samples.x.shape[1] + samples.y.shape[1])
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
    """The coordinates and closed form of :func:`prepare` for a continuous y, without a critic.

    Args:
        samples: x and y.
        splits: Indices of the training and the selection samples.
        settings: Settings of the coordinates and the closed form.
        device: Device on which the scores are computed.
        has_critic: Whether a critic will read the coordinates, so that its inputs are fitted to them.
    """
    train = splits.train.numpy()
    dim_x = samples.x.shape[1]
    both = np.hstack([samples.x, samples.y])
    marginals = fit_marginals(both[train], normal_scores=settings.normal_scores)
    z = marginals(both)
    # frees memory: it is as large as z
    del both
    forms = _forms(z[train], dim_x, settings.base)
    inputs = fit_inputs(z[train], dim_x) if has_critic else plain_inputs(dim_x, z.shape[1] - dim_x)
    is_paired = for_dimensions(settings, z.shape[1]).critic == "pair"

    options = marginals, device, settings.negatives, is_paired
    no_form = PairScorer.at(z, dim_x, Independent(), inputs, *options)

    def best_of(names: Sequence[str]) -> tuple[float, str, PairScorer]:
        scorers = ((name, no_form.with_base(forms[name](), z)) for name in names)
        candidates = (
            (_closed_value(scorer, splits.select), name, scorer) for name, scorer in scorers
        )
        return max(candidates, key=lambda candidate: candidate[0])

    if settings.base != "auto" or len(forms) == 1:
        return best_of(list(forms))[2]
    # a mixture often has a higher value at the start, but critics that started from it ended with a lower one
    gaussian = best_of([name for name in forms if name.startswith("gaussian")])
    heavy_tailed = best_of([gaussian[1].replace("gaussian", "student")])
    none = best_of(["none"])
    return max(none, gaussian, heavy_tailed, key=lambda candidate: candidate[0])[2]


def _closed_value(scorer: PairScorer, select: Tensor) -> float:
    return scorer.value(None, select, dv) if scorer.has_closed_form else 0.0


def for_dimensions(settings: NeuralSettings, dims: int) -> NeuralSettings:
    """The settings with a critic and a learning rate for the dimensions of x and y together.

    Args:
        settings: Settings, with ``auto`` and None.
        dims: Number of dimensions of x and y together.
    """
    if settings.learning_rate is None:
        rate = max(MIN_LEARNING_RATE, RATE_TIMES_DIMENSIONS / dims)
        settings = replace(settings, learning_rate=rate)
    if settings.critic != "auto":
        return settings
    if dims > PAIR_CRITIC_DIMENSIONS:
        return replace(settings, critic="separable")
    return replace(
        settings,
        critic="pair",
        hidden=tuple(max(1, width // 2) for width in settings.hidden),
        negatives=settings.negatives or PAIR_CRITIC_NEGATIVES,
    )


def _pair_critic(scorer: PairScorer, settings: NeuralSettings) -> nn.Module:
    dim_x, dim_y = (critic_input.dim for critic_input in scorer.inputs)
    if settings.critic == "pair":
        return PairCritic(dim_x, dim_y, settings.hidden, zero_start=True)
    return SeparableCritic(dim_x, dim_y, settings.hidden, settings.embedding)


def _forms(z: Array, dim_x: int, name: str) -> dict[str, Callable[[], LogRatioModel]]:
    """The closed forms to choose from; with too few samples only ``none``."""
    if name == "none" or len(z) <= 2 * z.shape[1]:
        return {"none": Independent}
    # a single correlation cannot be simplified
    is_one_pair = z.shape[1] == 2
    forms: dict[str, Callable[[], LogRatioModel]] = {"none": Independent}
    for cross in CROSS_STRUCTURES[:1] if is_one_pair and name == "auto" else CROSS_STRUCTURES:
        suffix = "" if cross == "full" else f"-{cross}"
        forms[f"gaussian{suffix}"] = partial(GaussianLogRatio, z, dim_x, cross)
        forms[f"student{suffix}"] = partial(fit_student, z, dim_x, cross)
    if name == "auto":
        return forms
    return {name: forms.get(name, partial(MixtureLogRatio, z, dim_x))}


def _prepare_labels(
    samples: Samples,
    labels: NDArray[np.int64],
    splits: Splits,
    settings: NeuralSettings,
    device: torch.device,
) -> Prepared:
    train = splits.train.numpy()
    marginals = fit_marginals(samples.x[train], normal_scores=settings.normal_scores)
    z = marginals(samples.x)
    # a class without training samples gets a positive prior, since its samples would have no weight otherwise
    counts = np.bincount(labels[train], minlength=samples.num_classes).clip(min=0.5)
    log_prior = torch.from_numpy(np.log(counts / counts.sum())).float().to(device)
    critic = ClassCritic(z.shape[1], samples.num_classes, settings.hidden, zero_start=True)
    scorer = LabelScorer.at(z, samples, marginals, log_prior)
    if settings.learning_rate is None:
        settings = replace(settings, learning_rate=LABEL_LEARNING_RATE)
    return Prepared(scorer, critic.to(device), "none", settings)
