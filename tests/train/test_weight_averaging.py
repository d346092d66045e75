"""The running average of the weights is what is validated, measured, frozen and kept."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from toys import gaussian_classes

from ibtrain.backend.seeding import seeded
from ibtrain.config import OptimConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import InterruptedRunError
from ibtrain.train.averaging import AveragedWeights
from ibtrain.train.callbacks import Callback, Event
from ibtrain.train.checkpointer import Checkpointer, State
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.results import FitResult
from ibtrain.train.scores import class_scores

DECAY = 0.4
"""After seven steps the average is over the decay's window."""
OPTIM = OptimConfig(
    learning_rate=2e-2, schedule="constant", batch_size=100, epochs=3, weight_averaging=DECAY
)
"""Four steps an epoch."""
Weights = dict[str, Tensor]
Kind = type[LayerwiseTrainer] | type[EndToEndTrainer]
KINDS = pytest.mark.parametrize("kind", [LayerwiseTrainer, EndToEndTrainer])


def network(seed: int = 0) -> nn.Sequential:
    with seeded(seed, "test"):
        # a bias before a normalisation would have no gradient but for rounding errors
        first = nn.Sequential(nn.Linear(6, 12, bias=False), nn.BatchNorm1d(12), nn.ReLU())
        return nn.Sequential(first, nn.Linear(12, 3))


def average(weights: list[Weights]) -> Weights:
    """The average of the weights after each step, in float64: the share of each is what the later steps leave of it."""
    count = len(weights)
    taken = [max(1 - DECAY, 10 / (9 + n)) for n in range(1, count + 1)]
    shares = [share * math.prod(1 - s for s in taken[k + 1 :]) for k, share in enumerate(taken)]
    assert sum(shares) == pytest.approx(1)
    return {
        name: sum(share * w[name].double() for share, w in zip(shares, weights, strict=True))
        for name in weights[0]
    }  # type: ignore[return-value]


def floats(weights: Weights, prefix: str = "") -> Weights:
    """Copies of all but counters, of the names that begin with the prefix."""
    return {
        name: tensor.clone()
        for name, tensor in weights.items()
        if name.startswith(prefix) and tensor.is_floating_point()
    }


def assert_close(weights: Weights, expected: Weights) -> None:
    assert weights.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(weights[name].double(), tensor, atol=1e-6, rtol=1e-5)


class Watch(Checkpointer, Callback):
    """Notes the trained weights after every step, and what callbacks see of the network."""

    def __init__(self) -> None:
        self.trained: list[Weights] = []
        self.seen: list[tuple[str, Weights, Weights]] = []

    def after_step(self, state: Callable[[], State]) -> None:
        self.trained.append(floats(state()["networks"][0]["network"]))

    def __call__(self, event: Event) -> None:
        weights = floats(event.model.blocks.state_dict())
        self.seen.append((event.kind, weights, event.model.inputs["train"]))

    on_step = __call__


@KINDS
def test_all_see_the_average_of_the_weights_after_each_step(toy: Dataset, kind: Kind) -> None:
    watch = Watch()
    result = kind(network(), optim=OPTIM, callbacks=[watch]).fit(toy, checkpointer=watch)
    assert len(watch.trained) == (24 if kind is LayerwiseTrainer else 12)
    prefix = "layer0" if kind is LayerwiseTrainer else ""
    trained = [floats(weights, prefix) for weights in watch.trained[:12]]
    expected = [average(trained[: count + 1]) for count in range(12)]
    steps = [weights for event, weights, _ in watch.seen if event == "step"][:12]
    epochs = [weights for event, weights, _ in watch.seen if event in ("epoch", "end")][:4]
    # the order of events and checkpoints: the trained weights are back after every event
    for weights, wanted in zip(steps, expected, strict=True):
        assert_close(weights, wanted)
    for weights, index in zip(epochs, (3, 7, 11, 11), strict=True):
        assert_close(weights, expected[index])
    assert_close(floats(result.network.state_dict(), prefix), expected[-1])
    assert any("running_mean" in name for name in expected[0])
    # the average is not the last weights
    last, name = trained[-1], "layer0.0.weight"
    assert (last[name] - expected[-1][name]).abs().max() > 1e-3
    if kind is LayerwiseTrainer:
        # the next block reads the frozen average
        outputs = result.network[0](toy.train.x)
        torch.testing.assert_close(watch.seen[-1][2], outputs)
        # counters stay those of the training
        assert result.network[0][1].num_batches_tracked == 12
    scores = class_scores(result.network, result.readout, toy.test.x)
    accuracy = (scores.argmax(1) == toy.test.y).float().mean().item()
    assert result.accuracies["test"] == pytest.approx(accuracy)


def validated(toy: Dataset) -> Dataset:
    return replace(toy, validation=Split(toy.test.x[:90], toy.test.y[:90]))


def test_early_stopping_keeps_the_best_average() -> None:
    optim = replace(OPTIM, epochs=40, patience=2, learning_rate=0.01, batch_size=400)
    # classes that overlap, so that a later epoch is the best one
    data, watch = validated(gaussian_classes(spread=0.7)), Watch()
    result = EndToEndTrainer(network(), optim, callbacks=[watch]).fit(data, checkpointer=watch)
    accuracies = [record.metrics["validation_accuracy"] for record in result.history]
    best = accuracies.index(max(accuracies))
    expected = average(watch.trained[: best + 1])
    assert 2 < best + 1 < len(accuracies) < 40
    assert_close(floats(result.network.state_dict()), expected)
    # also where callbacks see it last
    assert_close(watch.seen[-1][1], expected)
    assert watch.seen[-1][0] == "end"
    assert result.accuracies["validation"] == pytest.approx(max(accuracies))


def test_critics_that_predict_are_averaged_too(toy: Dataset) -> None:
    """A hidden block's validation accuracy is that of its critic, which is a part of the average."""
    optim = replace(OPTIM, patience=9)
    result = LayerwiseTrainer(network(), optim=optim).fit(validated(toy))
    accuracies = [r.metrics["validation_accuracy"] for r in result.history]
    assert min(accuracies) > 0.5


class StopAt(Checkpointer):
    """Keeps the state after a step, and ends the training there; 0 trains to the end."""

    def __init__(self, step: int, state: State | None = None) -> None:
        self.left = step
        self.state = state

    def load(self) -> State | None:
        return self.state

    def after_step(self, state: Callable[[], State]) -> None:
        self.left -= 1
        if not self.left:
            self.state = copy.deepcopy(state())
            raise InterruptedRunError(2)


def assert_same(results: list[FitResult], expected: list[FitResult]) -> None:
    for result, wanted in zip(results, expected, strict=True):
        weights = result.network.state_dict()
        assert all(torch.equal(weights[k], v) for k, v in wanted.network.state_dict().items())
        assert result.history == wanted.history
        assert result.accuracies == wanted.accuracies


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize(("step", "patience"), [(7, 0), (12, 2), (14, 2)])
def test_an_averaged_training_goes_on_to_the_last_bit(
    toy: Dataset, kind: Kind, step: int, patience: int
) -> None:
    optim = replace(OPTIM, patience=patience, epochs=4)

    def fit(checkpointer: Checkpointer) -> list[FitResult]:
        return [kind(network(), optim=optim).fit(validated(toy), checkpointer=checkpointer)]

    expected, stop = fit(Checkpointer()), StopAt(step)
    with pytest.raises(InterruptedRunError):
        fit(stop)
    assert_same(fit(StopAt(0, stop.state)), expected)


@KINDS
def test_seeds_that_train_as_one_are_averaged_one_by_one(
    toy: Dataset, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ibtrain.backend.ensemble.NETWORKS_AT_ONCE", 2)

    def trainers() -> list[LayerwiseTrainer | EndToEndTrainer]:
        return [kind(network(seed), optim=OPTIM, seed=seed) for seed in (0, 1)]

    together = fit_ensemble(trainers(), toy)
    alone = [trainer.fit(toy) for trainer in trainers()]
    for one, other in zip(together, alone, strict=True):
        weights = floats(other.network.state_dict())
        for name, tensor in floats(one.network.state_dict()).items():
            torch.testing.assert_close(tensor, weights[name], atol=1e-4, rtol=1e-4)


def test_a_state_of_other_weights_is_refused() -> None:
    module = nn.Linear(2, 2)
    state = AveragedWeights(nn.Linear(3, 2), 0.9).state_dict()
    with pytest.raises(ValueError, match="an average of other weights"):
        AveragedWeights(module, 0.9).load_state_dict(state)


def test_an_error_of_a_callback_leaves_the_trained_weights() -> None:
    module = nn.Linear(2, 2)
    averaged = AveragedWeights(module, 0.9)
    before = module.weight.detach().clone()
    averaged.average[0].add_(1)
    with pytest.raises(KeyError), averaged.applied():
        assert not torch.equal(module.weight, before)
        raise KeyError
    assert torch.equal(module.weight, before)


@KINDS
def test_a_state_of_a_version_without_a_setting_goes_on(toy: Dataset, kind: Kind) -> None:
    """It has the default, as the training then had; another value is told."""
    optim = replace(OPTIM, weight_averaging=0.0)
    stop = StopAt(6)
    with pytest.raises(InterruptedRunError):
        kind(network(), optim=optim).fit(toy, checkpointer=stop)
    assert stop.state is not None
    del stop.state["identity"]["optim.weight_averaging"]
    del stop.state["networks"][0]["stage"]["loop"]["average"]
    expected = kind(network(), optim=optim).fit(toy)
    assert_same(
        [kind(network(), optim=optim).fit(toy, checkpointer=StopAt(0, stop.state))], [expected]
    )
    message = "got optim.weight_averaging 0.0, expected optim.weight_averaging 0.4"
    with pytest.raises(Exception, match=message):
        kind(network(), optim=OPTIM).fit(toy, checkpointer=StopAt(0, stop.state))
