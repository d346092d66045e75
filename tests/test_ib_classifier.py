"""IBClassifier is what scikit-learn expects, and adds nothing to the trainers."""

import pickle
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from ibtrain import (
    Dataset,
    EndToEndTrainer,
    IBClassifier,
    LayerwiseTrainer,
    ModelConfig,
    ObjectiveConfig,
    OptimConfig,
)
from ibtrain.errors import ConfigError, DataError
from ibtrain.models.build import build_model

QUICK: dict[str, Any] = {
    "hidden": (10,),
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 0.02,
    "device": "cpu",
    "random_state": 0,
}


def toy() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Three classes that a network tells apart."""
    x, y = make_classification(
        120, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, class_sep=2, random_state=0
    )
    return x, y


def of_exact_sums(_: IBClassifier) -> dict[str, str]:
    """Checks that allow a difference of 1e-7 between probabilities; test_a_prediction_is_of_its_sample_alone allows float32's."""
    reason = "float32 sums depend on the batch and the processor: probabilities differ by 1e-6"
    return {
        "check_methods_subset_invariance": reason,
        "check_methods_sample_order_invariance": reason,
    }


# one of the checks wants 83 % accuracy
@parametrize_with_checks(
    [IBClassifier((16,), epochs=20, learning_rate=0.03, device="cpu")],
    expected_failed_checks=of_exact_sums,
)
def test_it_passes_the_checks_of_scikit_learn(estimator: IBClassifier, check: Any) -> None:
    # each check raises what it finds
    assert check(estimator) is None


@pytest.mark.slow
@parametrize_with_checks(
    [
        IBClassifier(),
        IBClassifier(trainer="end_to_end"),
        IBClassifier(patience=20, random_state=0),
        IBClassifier((30, 10), order="simultaneous", objective="cross-entropy"),
    ],
    expected_failed_checks=of_exact_sums,
)
def test_other_settings_pass_them_too(estimator: IBClassifier, check: Any) -> None:
    assert check(estimator) is None


@pytest.mark.parametrize("count", [1, 3, 17, 50, 120])
def test_a_prediction_is_of_its_sample_alone(count: int) -> None:
    x, y = toy()
    classifier = IBClassifier(**QUICK).fit(x, y)
    index = np.random.default_rng(0).permutation(len(x))[:count]
    found, expected = classifier.predict_proba(x[index]), classifier.predict_proba(x)[index]
    # measured: up to 1.1e-6
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["layerwise", "end_to_end"])
def test_it_is_the_trainer_on_all_samples(name: str) -> None:
    """Same weights, order and settings: the same probabilities."""
    x, y = toy()
    classifier = IBClassifier(trainer=name, beta=0.01, noise_std=0.7, **QUICK).fit(x, y)
    seed = classifier.result_.seed
    data = Dataset.from_arrays(x, y, test=(x, y))
    network = build_model(ModelConfig(hidden=(10,)), data, seed)
    schedule = {"layerwise": "constant", "end_to_end": "cosine"}[name]
    optim = OptimConfig(learning_rate=0.02, schedule=schedule, batch_size=32, epochs=20)
    trainer: EndToEndTrainer | LayerwiseTrainer = EndToEndTrainer(network, optim, seed=seed)
    if name == "layerwise":
        objective = ObjectiveConfig(beta=0.01, noise_std=0.7)
        trainer = LayerwiseTrainer(network, objective, optim, seed=seed)
    expected = trainer.fit(data)
    np.testing.assert_array_equal(classifier.predict_proba(x), expected.predict_proba(x))
    assert classifier.score(x, y) == pytest.approx(expected.accuracies["train"])
    assert classifier.n_iter_ == 20
    # there is no test split
    assert list(classifier.result_.accuracies) == ["train"]


def test_the_network_is_a_plain_module_of_raw_samples() -> None:
    x, y = toy()
    classifier = IBClassifier(**QUICK).fit(50 + 3 * x, y)
    scores = classifier.network_(torch.from_numpy(50 + 3 * x)).numpy()
    np.testing.assert_array_equal(
        classifier.classes_[scores.argmax(1)], classifier.predict(50 + 3 * x)
    )
    assert not any(p.requires_grad for p in classifier.network_.parameters())


@pytest.mark.parametrize(
    "names", [["low", "mid", "high"], [-5, 0, 7], [1.0, 2.0, 3.0]], ids=["str", "int", "float"]
)
def test_labels_come_back_as_they_were_given(names: list[Any]) -> None:
    x, y = toy()
    labels = np.asarray(names)[y]
    classifier = IBClassifier(**QUICK).fit(x, labels)
    predicted = classifier.predict(x)
    assert predicted.dtype == labels.dtype
    assert (predicted == labels).mean() > 0.8
    np.testing.assert_array_equal(classifier.classes_, np.unique(labels))
    assert classifier.result_.score(x, labels) == pytest.approx(classifier.score(x, labels))


def test_truth_values_are_labels() -> None:
    x, y = toy()
    classifier = IBClassifier(**QUICK).fit(x, y == 1)
    assert classifier.predict(x).dtype == bool
    assert classifier.score(x, y == 1) > 0.8


@pytest.mark.slow
def test_it_searches_in_a_pipeline() -> None:
    x, y = toy()
    pipeline = make_pipeline(StandardScaler(), IBClassifier(**QUICK))
    grid = {
        "ibclassifier__beta": np.logspace(-4, 2, 2),
        "ibclassifier__epochs": np.array([1, 20]),
        "ibclassifier__hidden": [5, (10,)],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(x, y)
    assert search.best_params_["ibclassifier__epochs"] == 20
    assert search.best_score_ > 0.9
    assert search.predict_proba(x).shape == (120, 3)


def test_folds_of_string_labels_in_a_frame() -> None:
    iris = load_iris(as_frame=True)
    species = iris.target_names[iris.target]
    classifier = IBClassifier(**QUICK)
    assert cross_val_score(classifier, iris.data, species, cv=3).mean() > 0.9


def test_columns_have_their_names() -> None:
    x, y = toy()
    frame = pd.DataFrame(x, columns=list("abcdef"))
    classifier = IBClassifier(**QUICK).fit(frame, y)
    assert classifier.feature_names_in_.tolist() == list("abcdef")
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame.rename(columns={"a": "z"}))


def test_copies_and_pickles_predict_the_same() -> None:
    x, y = toy()
    classifier = IBClassifier(**QUICK).fit(x, y)
    expected = classifier.predict_proba(x)
    np.testing.assert_array_equal(clone(classifier).fit(x, y).predict_proba(x), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(classifier)).predict_proba(x), expected)
    other = clone(classifier).set_params(random_state=1).fit(x, y).predict_proba(x)
    assert not np.array_equal(other, expected)


def test_patience_holds_out_a_share_and_stops_early() -> None:
    x, y = toy()
    settings = {**QUICK, "epochs": 200, "patience": 3}
    classifier = IBClassifier(validation_fraction=0.25, **settings).fit(x, y)
    assert classifier.n_iter_ < 200
    held_out = classifier.result_.accuracies["validation"] * 30
    assert held_out == pytest.approx(round(held_out))
    assert list(classifier.result_.accuracies) == ["train", "validation"]


def test_few_samples_train() -> None:
    x, y = toy()
    classifier = IBClassifier(random_state=0).fit(x[:12], y[:12])
    assert classifier.score(x[:12], y[:12]) == 1


@pytest.mark.parametrize("verbose", [0, 1])
def test_it_is_quiet_unless_asked(
    verbose: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = toy()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    IBClassifier(verbose=verbose, **QUICK).fit(x, y)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("hidden1" in captured.err) == bool(verbose)


def test_there_are_no_weights_of_samples() -> None:
    x, y = toy()
    with pytest.raises(TypeError, match="sample_weight"):
        IBClassifier(**QUICK).fit(x, y, sample_weight=np.ones(len(x)))
    assert not hasattr(IBClassifier, "partial_fit")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trainer": "backprop"}, "trainer: got 'backprop', expected one of layerwise, end_to_end"),
        ({"hidden": "wide"}, "hidden: got 'wide'"),
        ({"epochs": 0}, "epochs: got 0"),
        ({"beta": -1}, "beta: got -1"),
        ({"objective": "mse"}, "objective: got 'mse'"),
        ({"device": "tpu"}, "device: got 'tpu'"),
        ({"label_smoothing": 1}, "label_smoothing: got 1"),
        ({"weight_averaging": 1}, "weight_averaging: got 1"),
        ({"verbose": "yes"}, "verbose: got 'yes'"),
        ({"patience": 2, "validation_fraction": 1.5}, "validation share: got 1.5"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], message: str) -> None:
    x, y = toy()
    with pytest.raises((ConfigError, DataError), match=message):
        IBClassifier(**settings).fit(x, y)


def test_a_single_class_is_refused() -> None:
    x, _ = toy()
    with pytest.raises(DataError, match=r"y: got 1 class \('a'\), expected at least 2 classes"):
        IBClassifier().fit(x, np.full(len(x), "a"))


@pytest.mark.parametrize("name", [pytest.param("layerwise", marks=pytest.mark.slow), "end_to_end"])
def test_settings_are_chosen_by_the_number_of_samples(name: str) -> None:
    """100 samples: 200 epochs of at least four steps, unless told otherwise."""
    x, y = toy()
    x, y = x[:100], y[:100]
    settings = {"hidden": (10,), "trainer": name, "device": "cpu", "random_state": 0}
    chosen = IBClassifier(**settings).fit(x, y)
    same = IBClassifier(**settings, epochs=200, batch_size=32, learning_rate=3e-3).fit(x, y)
    assert chosen.n_iter_ == 200
    np.testing.assert_array_equal(chosen.predict_proba(x), same.predict_proba(x))


@pytest.mark.parametrize("trainer", ["layerwise", "end_to_end"])
@pytest.mark.parametrize(
    ("setting", "value", "default"),
    [("label_smoothing", 0.3, 0.1), ("weight_averaging", 0.9, 0.0), ("weight_decay", 0.1, 0.0)],
)
def test_regularisers_reach_the_trainer(
    trainer: str, setting: str, value: float, default: float
) -> None:
    x, y = toy()
    fitted = {
        share: IBClassifier(trainer=trainer, **QUICK, **given).fit(x, y).predict_proba(x)
        for share, given in [(None, {}), (default, {setting: default}), (value, {setting: value})]
    }
    np.testing.assert_array_equal(fitted[None], fitted[default])
    assert np.abs(fitted[None] - fitted[value]).max() > 1e-3
