"""Settings in words."""

from dataclasses import asdict

import pytest

from ibtrain.config import ObjectiveConfig
from ibtrain.report.words import objective_words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"beta": (0.1,), "predict_from": "clean"}, "beta 0.1, predicting from clean h"),
        (
            {"name": "cross-entropy", "beta": (0.1, 0.2)},
            "objective cross-entropy, output layer by its own bound, beta 0.2",
        ),
        ({"name": "cross-entropy", "readout": "critic"}, "objective cross-entropy"),
        (
            {"name": "dv"},
            "objective dv, predicting from noisy t (clean h in the last hidden block)",
        ),
        (
            {"name": "hsic", "beta": 0.02, "predict_from": "clean", "same_class": 0.5},
            "objective hsic, beta 0.02, predicting from clean h, same-class 0.5",
        ),
        (
            {"name": "cross-entropy", "readout": "critic", "similarity": 99},
            "objective cross-entropy, similarity 99",
        ),
        (
            {"name": "cross-entropy", "readout": "critic", "average_scores": True},
            "objective cross-entropy, the scores of all blocks averaged",
        ),
    ],
)
def test_every_beta_that_was_used_is_told(settings: dict[str, object], words: str) -> None:
    config = asdict(ObjectiveConfig(**{"average_scores": False, **settings}))  # type: ignore[arg-type]
    assert objective_words(config, "beta ") == words
