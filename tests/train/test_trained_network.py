"""What a trained network predicts, and that it is what the training reported."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from ibtrain import load_network
from ibtrain.backend.seeding import seeded
from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset
from ibtrain.errors import DataError, RunFolderError
from ibtrain.models.conv import conv_net
from ibtrain.models.mlp import mlp
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.results import FitResult
from ibtrain.train.trainer import Trainer

DIGITS = load_digits()
X, Y = DIGITS.images[:400], np.array([f"digit {label}" for label in DIGITS.target[:400]])
X_TEST, Y_TEST = DIGITS.images[400:700], np.array([f"digit {t}" for t in DIGITS.target[400:700]])
OPTIM = OptimConfig(epochs=4, learning_rate=5e-3, batch_size=50)


def small_conv() -> nn.Module:
    return conv_net((1, 8, 8), [6], [20], 10, dropout=0.2)


def small_mlp() -> nn.Module:
    return mlp(64, [40, 20], 10, dropout=0.2)


def fit(kind: type[Trainer], make: Callable[[], nn.Module], **settings: Any) -> FitResult:
    with seeded(0, "test"):
        model = make()
    result: FitResult = kind(model, optim=OPTIM, **settings).fit(X, Y, test=(X_TEST, Y_TEST))  # type: ignore[attr-defined]
    return result


@pytest.fixture(scope="module", params=[
    (LayerwiseTrainer, small_mlp, {}),
    (LayerwiseTrainer, small_conv, {}),
    (LayerwiseTrainer, small_mlp, {"objective": ObjectiveConfig(readout="critic")}),
    (EndToEndTrainer, small_conv, {}),
], ids=["layerwise-mlp", "layerwise-conv", "layerwise-critic", "end-to-end-conv"])  # fmt: skip
def result(request: pytest.FixtureRequest) -> FitResult:
    kind, make, settings = request.param
    return fit(kind, make, **settings)


@pytest.fixture(scope="module")
def fitted() -> FitResult:
    return fit(LayerwiseTrainer, small_mlp)


def test_predictions_are_what_the_training_reported(result: FitResult) -> None:
    assert result.accuracies["test"] > 0.3
    assert result.score(X_TEST, Y_TEST) == result.accuracies["test"]
    assert result.score(X, Y) == result.accuracies["train"]
    predicted = result.predict(X_TEST)
    assert predicted.shape == (300,)
    assert (predicted == Y_TEST).mean() == pytest.approx(result.accuracies["test"])


def test_a_saved_network_predicts_the_same(result: FitResult, tmp_path: Path) -> None:
    result.save(tmp_path / "network.pt")
    loaded = load_network(tmp_path / "network.pt")
    assert loaded.score(X_TEST, Y_TEST) == result.accuracies["test"]
    assert np.array_equal(loaded.predict_proba(X_TEST), result.predict_proba(X_TEST))
    assert loaded.classes == result.classes


def test_probabilities_are_a_softmax_whose_largest_is_the_prediction(result: FitResult) -> None:
    probabilities = result.predict_proba(X_TEST)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    names = np.array(result.classes)[probabilities.argmax(axis=1)]
    assert np.array_equal(names, result.predict(X_TEST))
    scores = result.to_module()(torch.from_numpy(X_TEST)).double()
    expected = torch.exp(scores - scores.logsumexp(1, keepdim=True))
    np.testing.assert_allclose(probabilities, expected.numpy(), rtol=1e-6)


def test_the_module_maps_raw_samples_to_scores(result: FitResult) -> None:
    module = result.to_module()
    assert not any(part.training for part in module.modules())
    for x in (X_TEST, X_TEST.astype(np.float32), X_TEST[:, None]):
        names = np.array(result.classes)[module(torch.from_numpy(x)).argmax(1).numpy()]
        assert np.array_equal(names, result.predict(X_TEST))


def test_the_module_is_a_copy(fitted: FitResult) -> None:
    before = fitted.predict_proba(X_TEST)
    for parameter in fitted.to_module().parameters():
        parameter.zero_()
    assert np.array_equal(fitted.predict_proba(X_TEST), before)


def test_the_log_prior_is_in_the_scores() -> None:
    """Without it the bound's own critic predicts another class where classes are rare."""
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.1).astype(int)
    x = rng.normal(size=(600, 2)) + 1.5 * y[:, None]
    with seeded(0, "test"):
        model = mlp(2, [8], 2)
    trained = LayerwiseTrainer(model, optim=OPTIM).fit(x[300:], y[300:], test=(x[:300], y[:300]))
    assert trained.score(x[:300], y[:300]) == trained.accuracies["test"]
    index = trained.to_module()(torch.from_numpy(x[:300])).argmax(1).numpy()
    assert (index == y[:300]).mean() == pytest.approx(trained.accuracies["test"])
    without = trained.network(trained.scaling(torch.from_numpy(x[:300]))).argmax(1).numpy()
    assert (without != index).any()


def test_modes_and_random_numbers_are_left_alone(fitted: FitResult) -> None:
    fitted.network.train()
    before = torch.get_rng_state()
    first, second = fitted.predict_proba(X_TEST), fitted.predict_proba(X_TEST)
    assert np.array_equal(first, second)
    assert all(module.training for module in fitted.network.modules())
    assert torch.equal(torch.get_rng_state(), before)
    fitted.network.eval()


def test_samples_of_any_kind_give_the_same_prediction(fitted: FitResult) -> None:
    expected = fitted.predict(X_TEST)
    for x in (X_TEST.tolist(), torch.from_numpy(X_TEST), X_TEST.astype(np.uint8), X_TEST[:, None]):
        assert np.array_equal(fitted.predict(x), expected)


def test_the_splits_of_a_data_set_are_scaled_already() -> None:
    data = Dataset.from_arrays(X, Y, test=(X_TEST, Y_TEST))
    with seeded(0, "test"):
        trained = EndToEndTrainer(small_mlp(), OPTIM).fit(data)
    assert trained.score(data.test) == trained.accuracies["test"] == trained.score(X_TEST, Y_TEST)
    assert np.array_equal(trained.predict(data.test), trained.predict(X_TEST))
    for x in (data.test.x, data.test.x[:5], data.to(torch.device("cpu")).test.x):
        with pytest.raises(DataError, match=r"scaled already, expected raw samples, or the split"):
            trained.predict(x)


def test_scaled_samples_may_be_raw_for_another_network() -> None:
    data = Dataset.from_arrays(X, Y)
    with seeded(0, "test"):
        trained = EndToEndTrainer(small_conv(), OPTIM).fit(data.train.x, data.train.y)
    assert trained.predict(data.test.x).shape == (80,)


def test_labels_of_any_range_come_back() -> None:
    for labels in (DIGITS.target + 1, DIGITS.target - 20, np.eye(10)[DIGITS.target]):
        with seeded(0, "test"):
            trained = EndToEndTrainer(small_mlp(), OPTIM).fit(
                X, labels[:400], test=(X_TEST, labels[400:700])
            )
        assert trained.score(X_TEST, labels[400:700]) == trained.accuracies["test"]
        expected = labels if labels.ndim == 1 else DIGITS.target
        assert set(trained.predict(X_TEST)) <= set(expected)


def test_columns_of_a_frame_are_found_by_name() -> None:
    frame = pd.DataFrame(X.reshape(400, 64)).add_prefix("pixel").assign(digit=Y)
    with seeded(0, "test"):
        trained = EndToEndTrainer(small_mlp(), OPTIM).fit(Dataset.from_frame(frame, "digit"))
    expected = trained.predict(frame.drop(columns="digit"))
    assert np.array_equal(trained.predict(frame[frame.columns[::-1]]), expected)
    with pytest.raises(DataError, match="x: got no column 'pixel3', expected the columns of tr"):
        trained.predict(frame.drop(columns="pixel3"))


def test_bytes_are_bytes_in_a_prediction_too() -> None:
    images = (X * 15).astype(np.uint8)
    with seeded(0, "test"):
        trained = EndToEndTrainer(small_mlp(), OPTIM).fit(images, Y)
    assert np.array_equal(trained.predict(images.astype(float)), trained.predict(images))
    with pytest.raises(DataError, match="images of numbers from 0 to 1, expected bytes from 0 to"):
        trained.predict(images / 255)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X_TEST[0], r"samples of shape \(8,\), expected .* \(1, 8, 8\), as in training: x\[None\]"),
        (X_TEST[:, :7], r"samples of shape \(1, 7, 8\), expected samples of shape \(1, 8, 8\), as in"),
        (X_TEST * np.nan, "NaN or infinite values in the samples"),
        ("abc", "x: got a str"),
    ],
)  # fmt: skip
def test_other_samples_are_refused(fitted: FitResult, x: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fitted.predict(x)


def test_labels_of_a_score_are_checked(fitted: FitResult) -> None:
    with pytest.raises(DataError, match=r"no labels, expected score\(x, y\)"):
        fitted.score(X_TEST)
    with pytest.raises(DataError, match="3 labels of 300 samples"):
        fitted.score(X_TEST, Y_TEST[:3])
    with pytest.raises(DataError, match="label 'eleven', expected one of the classes 'digit 0'"):
        fitted.score(X_TEST[:1], ["eleven"])


# torch.jit is deprecated, and still used
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_the_module_can_be_exported(result: FitResult) -> None:
    module, x = result.to_module(), torch.from_numpy(X_TEST)
    shapes = ({0: torch.export.Dim("samples", min=2)},)
    program = torch.export.export(module, (x[:5],), dynamic_shapes=shapes)
    torch.testing.assert_close(program.module()(x), module(x))
    traced = torch.jit.trace(module, x[:5])
    torch.testing.assert_close(traced(x), module(x))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_module_can_be_exported_to_onnx(result: FitResult, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    module, x = result.to_module(), torch.from_numpy(X_TEST)
    shapes = ({0: torch.export.Dim("samples", min=2)},)
    path = tmp_path / "network.onnx"
    torch.onnx.export(module, (x[:5],), path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    model = onnx.load(path)
    name = model.graph.input[0].name
    (scores,) = ReferenceEvaluator(model).run(None, {name: X_TEST})
    assert np.array_equal(np.array(result.classes)[scores.argmax(1)], result.predict(X_TEST))


class Doubled(nn.Module):
    """A module of the user's own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def test_a_network_of_own_modules_is_loaded_only_if_trusted(tmp_path: Path) -> None:
    with seeded(0, "test"):
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), Doubled())
    trained = EndToEndTrainer(model, OPTIM).fit(X, Y)
    trained.save(tmp_path / "network.pt")
    with pytest.raises(RunFolderError, match=r"test_trained_network.Doubled, expected modules of"):
        load_network(tmp_path / "network.pt")
    loaded = load_network(tmp_path / "network.pt", trusted=True)
    assert np.array_equal(loaded.predict(X_TEST), trained.predict(X_TEST))


class Attack:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("attacked"),))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", None, "weights"])
def test_other_files_are_refused_and_run_nothing(
    content: bytes | str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.save({"ibtrain": 1, "modules": Attack()} if content is None else {"a": 1}, buffer)
    path = tmp_path / "network.pt"
    path.write_bytes(content if isinstance(content, bytes) else buffer.getvalue())
    with pytest.raises(RunFolderError, match=r"network.pt: got "):
        load_network(path)
    assert not (tmp_path / "attacked").exists()


def test_a_missing_file_is_named(tmp_path: Path, fitted: FitResult) -> None:
    with pytest.raises(RunFolderError, match=r"no such file, expected a file that result.save"):
        load_network(tmp_path / "none.pt")
    with pytest.raises(RunFolderError, match="can't be written"):
        fitted.save(tmp_path / "none" / "network.pt")


def test_samples_that_cannot_be_written_to() -> None:
    """As those of a data frame; torch would warn."""
    x = np.random.default_rng(0).normal(size=(200, 2))
    result = EndToEndTrainer(mlp(2, [4], 2)).fit(x, x[:, 0] > 0)
    expected = result.predict(x)
    x.flags.writeable = False
    np.testing.assert_array_equal(result.predict(x), expected)
