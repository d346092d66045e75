"""Mistakes that anyone makes with trainers and data: each ends in one sentence that says what to do."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ibtrain import (
    Dataset,
    EndToEndTrainer,
    InformationPlane,
    LayerwiseTrainer,
    ModelConfig,
    ObjectiveConfig,
    OptimConfig,
    PlaneConfig,
    RunConfig,
    Split,
    conv_net,
    mlp,
    run,
)
from ibtrain.errors import InvalidInputError

pytestmark = pytest.mark.usefixtures("unchecked_types")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
LOADER = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=16)
QUICK = OptimConfig(epochs=1)


def train(
    model: Any = None,
    data: Any = (X, Y),
    kind: type = EndToEndTrainer,
    test: Any = None,
    **settings: Any,
) -> Any:
    trainer = kind(mlp(3, [5], 2) if model is None else model, **{"optim": QUICK, **settings})
    return trainer.fit(*data, test=test)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 4), nn.Linear(4, 2)


class Transposed(nn.Tanh):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.T


SOFTMAX = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(dim=1))

MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "numpy in a Split": (lambda: Split(X, Y), r"x: got a ndarray, expected a tensor: Dataset.from_arrays\(x, y\)"),
    "no labels": (lambda: train(data=(X,)), r"fit: got a ndarray without labels, expected fit\(x, y\)"),
    "a frame without labels": (lambda: train(data=(pd.DataFrame(X),)), "Dataset.from_frame"),
    "a name": (lambda: train(data=("digits",)), r"fit\(load_dataset\('digits'\)\) for a data set by name"),
    "a loader beside labels": (lambda: train(data=(LOADER, Y)), r"labels beside a DataLoader, expected fit\(loader\) alone"),
    "a loader as labels": (lambda: train(data=(X, LOADER)), "labels of type DataLoader, expected one label for each sample"),
    "two loaders": (lambda: train(data=(LOADER, LOADER)), r"fit\(loader\) alone"),
    "a loader in from_arrays": (lambda: Dataset.from_arrays(LOADER, Y), r"a DataLoader, expected an array.*: Dataset.from_torch\(loader\)"),
    "a loader to predict": (lambda: train().predict(LOADER), "a DataLoader, expected an array"),
    "a data set beside labels": (lambda: train(data=(Dataset.from_arrays(X, Y), Y)), r"labels beside a Dataset, expected fit\(data\) alone"),
    "a regression": (lambda: train(data=(X, X[:, 0])), r"expected whole numbers or strings, the classes \(not targets"),
    "as many classes as samples": (lambda: train(data=(X, np.arange(80))), "64 distinct labels of 64 samples"),
    "several labels": (lambda: train(data=(X, X > 0)), "that are not one-hot"),
    "missing values": (lambda: train(data=(np.where(X > 1, np.nan, X), Y)), "NaN or infinite values in the samples .*: drop these rows or fill them in"),
    "a share as a test split": (lambda: train(test=0.2), r"a float, expected a pair \(x, y\)"),
    "a softmax": (lambda: train(SOFTMAX), "ends with Softmax, expected unnormalised class scores: remove Softmax"),
    "a double model": (lambda: train(mlp(3, [5], 2).double()), r"of torch.float64, expected torch.float32, .*call model.float\(\)"),
    "a model elsewhere": (lambda: train(mlp(3, [5], 2).to("meta"), data=(Dataset.from_arrays(X, Y),)), r"on meta, expected cpu, where the samples are: model.to\('cpu'\)"),
    "a model of another width": (lambda: train(mlp(4, [5], 2)), r"block hidden1: got input of shape \(3,\)"),
    "too few outputs": (lambda: train(mlp(3, [5], 1)), "a score for each of 2 classes"),
    "own module": (lambda: train(Net()), r"a Net, expected an nn.Sequential or a mapping .*'fc1': model.fc1, 'fc2': model.fc2"),
    "a class of models": (lambda: train(Net), r"got the class Net, expected a model: Net\(...\)"),
    "an optimiser by name": (lambda: train(optim="adam"), r"optim: got 'adam', expected an OptimConfig, such as OptimConfig\(optimizer='adam'\)"),
    "torch's optimiser": (lambda: train(optim=torch.optim.SGD(nn.Linear(1, 1).parameters())), "optim: got a SGD, expected an OptimConfig"),
    "a dictionary": (lambda: train(optim={"epochs": 1}), r"a dict, expected an OptimConfig: OptimConfig\(\*\*settings\)"),
    "configs in another order": (lambda: train(kind=LayerwiseTrainer, objective=OptimConfig()), "objective: got an OptimConfig, expected an ObjectiveConfig; name the arg"),
    "an objective by name": (lambda: train(kind=LayerwiseTrainer, objective="ib"), r"ObjectiveConfig\(name='ib'\)"),
    "a callback alone": (lambda: train(callbacks=print), r"a list of callbacks, such as callbacks=\[plane\]"),
    "no callback": (lambda: train(callbacks=["plane"]), "callbacks: got a str, expected a function of an Event"),
    "a seed of text": (lambda: train(seed="0"), "seed: got '0', expected a whole number"),
    "a model by name in a run": (lambda: RunConfig(model="conv"), r"model: got 'conv', expected a ModelConfig, such as ModelConfig\(kind='conv'\)"),
    "an optimiser by name in a run": (lambda: RunConfig(layerwise="sgd"), r"layerwise: got 'sgd', expected an OptimConfig, such as"),
    "no plane": (lambda: RunConfig(plane=None), "plane: got a NoneType, expected a PlaneConfig"),
    "a width alone": (lambda: mlp(3, 5, 2), r"hidden: got 5, expected a list of widths, such as \[100, 40\]"),
    "channels alone": (lambda: conv_net((1, 8, 8), 4, [5], 2), r"channels: got 4, expected a list of widths"),
    "a pair in a plane": (lambda: InformationPlane((X, Y)), r"a tuple, expected a Dataset, such as Dataset.from_arrays\(x, y\)"),
    "a measure as a plane's config": (lambda: InformationPlane(Dataset.from_arrays(X, Y), config="mine"), "config: got 'mine', expected a PlaneConfig"),
    "a measure as a watched plane's config": (lambda: InformationPlane.watch(mlp(3, [5], 2), (X, Y), config="mine"), "config: got 'mine', expected a PlaneConfig"),
    "names in a watched plane": (lambda: InformationPlane.watch(mlp(3, [5], 2), (X, Y.astype(str))), r"data: got .*, expected numbers: Dataset.from_arrays\(x, y\) converts strings"),
    "the learning rate of torch": (lambda: OptimConfig(lr=1e-3), r"OptimConfig: got 'lr', expected one of learning_rate, .*\(did you mean 'learning_rate'\?\)"),
    "a single seed of a run": (lambda: RunConfig(seed=0), r"RunConfig: got 'seed', .*did you mean 'seeds'"),
    "a noise": (lambda: ObjectiveConfig(noise=0.5), "ObjectiveConfig: got 'noise', .*did you mean 'noise_std'"),
    "a width": (lambda: ModelConfig(width=[3]), "ModelConfig: got 'width', .*did you mean 'hidden'"),
    "a sigma": (lambda: PlaneConfig(sigma=1), "PlaneConfig: got 'sigma', .*did you mean 'noise_std'"),
    "an objective's setting in a run": (lambda: RunConfig(beta=0.1), r"RunConfig: got 'beta', .*\(beta is a setting of ObjectiveConfig\)"),
    "an optimiser's setting in a trainer": (lambda: EndToEndTrainer(mlp(3, [5], 2), epochs=3), r"EndToEndTrainer: got 'epochs', expected one of model, .*\(epochs is a setting of OptimConfig"),
    "an unknown setting of a trainer": (lambda: LayerwiseTrainer(mlp(3, [5], 2), callback=[]), r"LayerwiseTrainer: got 'callback', .*did you mean 'callbacks'"),
    "settings at the place of the noise": (lambda: InformationPlane(Dataset.from_arrays(X, Y), PlaneConfig()), r"noise_std: got a PlaneConfig, expected a number, and config="),
    "a plane of other labels": (lambda: train(data=(Dataset.from_arrays(X, Y),), callbacks=[InformationPlane(Dataset.from_arrays(X, Y[::-1]))]), "plane: got .*, which has other labels or splits, expected the data set of the plane"),
    "a plane of more samples": (lambda: train(data=(Dataset.from_arrays(X[:60], Y[:60]),), callbacks=[InformationPlane(Dataset.from_arrays(X, Y))]), "which has other labels or splits"),
    "a watched measure without a list": (lambda: InformationPlane.watch(mlp(3, [5], 2), (X, Y), measures="channel"), "measures: got the string 'channel', expected a list"),
    "other measures in config": (lambda: InformationPlane.watch(mlp(3, [5], 2), (X, Y), measures=["channel"], config=PlaneConfig(measures=("binned",))), "measures: got channel, and binned in config, expected one of both"),
    "a picture of no points": (lambda: InformationPlane.watch(mlp(3, [5], 2), (X, Y)).plot(), "plot: got no points, expected some: measure first"),
    "an epoch of text": (lambda: InformationPlane.watch(mlp(3, [5], 2), (X, Y)).measure("last"), "epoch: got 'last', expected a finite number of 0 or more"),
    "watched samples with gaps": (lambda: InformationPlane.watch(mlp(3, [5], 2), (np.where(X > 1, np.nan, X), Y)), "data: got NaN or infinite numbers, expected finite inputs"),
    "a layer without rows": (lambda: InformationPlane.watch(nn.Sequential(nn.Linear(3, 4), Transposed()), (X, Y), ["1"]), r"layer 1: got outputs of shape \(4, 2\) for 2 samples, expected a row for each"),
    "a dictionary as a run": (lambda: run({"seeds": [0]}), r"config: got a dict, expected a RunConfig: RunConfig\(\*\*settings\)"),
    "beta of text": (lambda: ObjectiveConfig(beta="0.1"), "beta: got '0.1', expected a number, or a tuple of one number for each"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_it_ends_in_a_sentence(name: str) -> None:
    mistake, message = MISTAKES[name]
    with pytest.raises(InvalidInputError, match=message) as error:
        mistake()
    assert "\n" not in str(error.value)


def test_a_double_model_may_be_of_any_trainer() -> None:
    with pytest.raises(InvalidInputError, match=r"call model.float\(\)"):
        train(mlp(3, [5], 2).double(), kind=LayerwiseTrainer)


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    objective = ObjectiveConfig(beta=np.float32(0.5), noise_std=np.array([0.5, 0.25]))
    assert objective == ObjectiveConfig(beta=(0.5,), noise_std=(0.5, 0.25))
    assert ObjectiveConfig(beta=0.1) == ObjectiveConfig(beta=[0.1]) == ObjectiveConfig(beta=(0.1,))
    optim = OptimConfig(epochs=np.int64(3), learning_rate=torch.tensor(0.5))
    assert optim == OptimConfig(epochs=3, learning_rate=0.5)
    assert type(optim.epochs) is int
    model = ModelConfig(hidden=np.array([7, 5]))
    assert RunConfig(seeds=range(2)) == RunConfig(seeds=(0, 1))
    assert (
        RunConfig(model=model, seeds=np.arange(2)).to_json()
        == RunConfig(model=ModelConfig(hidden=(7, 5)), seeds=(0, 1)).to_json()
    )
    assert PlaneConfig(noise_std=0.5) == PlaneConfig(noise_std=(0.5,))


def test_what_is_meant_by_a_mistake_works() -> None:
    """Arrays, lists, frames and loaders, with numbers of NumPy as settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in (
            (X, Y),
            (X.tolist(), Y.tolist()),
            (pd.DataFrame(X), pd.Series(Y)),
            (LOADER,),
            ((X, Y),),
        ):
            result = train(mlp(3, np.array([5]), 2), data, seed=np.int64(3))
            assert result.predict(X).shape == (80,)
    result = train(test=(X[:9], Y[:9]))
    assert result.score(X[:9], Y[:9]) == result.accuracies["test"]


def test_a_watched_plane_reads_doubles_as_the_model_does() -> None:
    for model in (mlp(3, [5], 2), mlp(3, [5], 2).double()):
        plane = InformationPlane.watch(model, (X.astype(np.float64), Y), measures=["channel"])
        assert len(plane.measure(epoch=0)) == len(plane.layers)


def test_early_stopping_of_arrays_holds_out_a_tenth() -> None:
    result = train(optim=OptimConfig(epochs=2, patience=1))
    assert "validation" in result.accuracies
