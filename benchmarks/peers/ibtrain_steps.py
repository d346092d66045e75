"""ibtrain's own estimator with the same critic and one negative a sample."""

import torch
from problem import BATCH_SIZE, HIDDEN, LEARNING_RATE, report, samples

from ibtrain.mi.bounds.registry import BOUNDS
from ibtrain.mi.neural.fit import NeuralSettings, fit_critic
from ibtrain.mi.neural.preparation import prepare
from ibtrain.mi.neural.splits import draw_splits
from ibtrain.mi.samples import check_samples


def train(steps: int) -> None:
    data = check_samples(*samples())
    settings = NeuralSettings(
        critic="pair",
        base="none",
        hidden=HIDDEN,
        negatives=1,
        steps=steps,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        checkpoint_every=steps,
    )
    splits, *_ = draw_splits(len(data), 5, seed=0)
    ready = prepare(data, splits, settings, torch.device("cpu"))
    fit_critic(
        ready.critic,
        ready.scorer,
        BOUNDS["mine"],
        splits.train,
        splits.select[:50],
        ready.settings,
        0,
    )


report("ibtrain", train)
