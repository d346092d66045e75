"""Layer-wise training: what it must never do, and what it must achieve."""

import math
from collections import OrderedDict

import pytest
import torch
from torch import nn

from ibtrain.backend.seeding import seeded
from ibtrain.config import ObjectiveConfig, OptimConfig, PlaneConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import ConfigError, ModelError
from ibtrain.mi.channel.exact import channel_mi
from ibtrain.mi.neural.mine import LabelMine
from ibtrain.models.mlp import mlp
from ibtrain.plane.tracker import InformationPlane
from ibtrain.train.callbacks import Event
from ibtrain.train.end_to_end import EndToEndTrainer
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.results import FitResult
from ibtrain.train.scores import class_scores

OPTIM = OptimConfig(learning_rate=1e-2, batch_size=32, epochs=12)


def network(data: Dataset, hidden: tuple[int, ...] = (16, 8)) -> nn.Sequential:
    with seeded(0, "test"):
        return mlp(data.dim_x, hidden, data.num_classes)


def train(data: Dataset, optim: OptimConfig = OPTIM, **objective: object) -> FitResult:
    config = ObjectiveConfig(**objective)  # type: ignore[arg-type]
    return LayerwiseTrainer(network(data), config, optim, seed=3).fit(data)


class Gate(nn.Module):
    """Passes values on, and fails if a gradient comes back to a block that must not get one."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        assert not x.requires_grad
        return x


def test_no_gradient_crosses_a_block(toy: Dataset) -> None:
    model = network(toy)
    gates = [Gate() for _ in model]
    gated = OrderedDict(
        (name, nn.Sequential(gate, block))
        for gate, (name, block) in zip(gates, model.named_children(), strict=True)
    )
    weights: dict[str, list[torch.Tensor]] = {}

    def watch(event: Event) -> None:
        """Only the stage's own block may change between its start and its end."""
        now = {n: [p.detach().clone() for p in b.parameters()] for n, b in gated.items()}
        if event.kind == "start":
            weights.update(now)
        if event.kind == "end":
            for name, values in now.items():
                same = all(torch.equal(a, b) for a, b in zip(values, weights[name], strict=True))
                assert same == (name != event.stage)

    LayerwiseTrainer(gated, None, OPTIM, callbacks=[watch]).fit(toy)
    assert all(gate.calls > 0 for gate in gates)


def test_the_frozen_prefix_is_never_run_again(toy: Dataset) -> None:
    model = network(toy)
    calls: list[str] = []
    for name, block in model.named_children():
        block.register_forward_hook(lambda *_, name=name: calls.append(name))
    order: list[str] = []
    LayerwiseTrainer(
        model,
        # the average needs all blocks once more at the end
        ObjectiveConfig(average_scores=False),
        OPTIM,
        callbacks=[lambda e: order.append(e.stage) if e.kind == "end" else None],
    ).fit(toy)
    after_first_stage = calls[calls.index("hidden2", 10) :]
    # hidden1's last calls cache its outputs, before hidden2 starts to train
    trained_from = max(i for i, name in enumerate(calls) if name == "hidden1")
    assert order == ["hidden1", "hidden2", "output"]
    assert "hidden2" in after_first_stage
    assert calls[trained_from + 1 :].count("hidden2") > 10


def test_it_learns_an_easy_problem(toy: Dataset) -> None:
    result = train(toy)
    assert result.accuracies["test"] > 0.9
    assert [name for name, _ in result.network.named_children()] == ["hidden1", "hidden2", "output"]
    assert {record.stage for record in result.history} == {"hidden1", "hidden2", "output"}
    assert not any(parameter.requires_grad for parameter in result.network.parameters())


@pytest.mark.parametrize("readout", ["dv", "cross-entropy", "critic"])
def test_the_reported_accuracy_is_that_of_the_returned_network(toy: Dataset, readout: str) -> None:
    result = train(toy, readout=readout)
    predicted = class_scores(result.network, result.readout, toy.test.x).argmax(1)
    accuracy = (predicted == toy.test.y).float().mean().item()
    assert result.accuracies["test"] == pytest.approx(accuracy)
    assert accuracy > 0.85


def test_the_critic_readout_trains_no_output_layer(toy: Dataset) -> None:
    assert [n for n, _ in train(toy, readout="critic").network.named_children()] == [
        "hidden1",
        "hidden2",
    ]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(toy: Dataset) -> None:
    first, second = train(toy), train(toy)
    assert first.history == second.history
    for a, b in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)
    other = LayerwiseTrainer(network(toy), None, OPTIM, seed=4).fit(toy)
    assert other.history != first.history


@pytest.mark.slow
def test_a_larger_beta_keeps_less_of_the_input(toy: Dataset) -> None:
    values = []
    for beta in (0.0, 0.03, 0.1):
        result = train(toy, beta=(beta,), noise_std=(0.5,), predict_from="clean")
        with torch.no_grad():
            h = result.network[0](toy.test.x)
        values.append(channel_mi(h, 0.5).mi_xt.mi)
    # measured over seeds 0 to 4: 2.59 to 2.74, 1.52 to 1.85, and 0.31 to 0.81 nats
    assert values[0] > values[1] + 0.5
    assert values[1] > values[2] + 0.5


def shuffled(data: Dataset) -> Dataset:
    generator = torch.Generator().manual_seed(5)

    def shuffle(split: Split) -> Split:
        return Split(split.x, split.y[torch.randperm(len(split), generator=generator)])

    return Dataset("shuffled", shuffle(data.train), shuffle(data.test), data.num_classes)


def test_shuffled_labels_give_chance_and_no_held_out_information(toy: Dataset) -> None:
    data = shuffled(toy)
    result = train(data)
    # a third of 200 test samples is right by chance, with a standard error of 3.3 %
    assert result.accuracies["test"] == pytest.approx(1 / 3, abs=0.1)
    with torch.no_grad():
        h_train, h_test = result.network[0](data.train.x), result.network[0](data.test.x)
    mine = LabelMine(h_train.shape[1], data.log_prior, [0.5], seed=0)
    mine.fit(h_train, data.train.y, steps=200, batch_size=64)
    (found,) = mine.evaluate(h_test, data.test.y, ceiling=data.label_entropy)
    assert abs(found.mi) <= 3 * found.stderr + 1e-3


def test_early_stopping_keeps_the_best_epoch(toy: Dataset) -> None:
    data = toy.hold_out(0.2, seed=0)
    optim = OptimConfig(learning_rate=5e-3, batch_size=64, epochs=30, patience=2)
    config = ObjectiveConfig(average_scores=False)
    result = LayerwiseTrainer(network(data), config, optim).fit(data)
    output = [r.metrics["validation_accuracy"] for r in result.history if r.stage == "output"]
    assert len(output) < 30
    assert result.accuracies["validation"] == pytest.approx(max(output))


def test_one_value_for_each_block_must_match_their_number(toy: Dataset) -> None:
    with pytest.raises(ConfigError, match="2 values, expected 1, or 3"):
        LayerwiseTrainer(network(toy), ObjectiveConfig(beta=(0.1, 0.2)))


def test_a_model_that_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ModelError, match="got a GRU"):
        LayerwiseTrainer(nn.GRU(3, 3))


@pytest.mark.slow
def test_relative_noise_trains_and_is_measured_at_its_own_scale(toy: Dataset) -> None:
    plane = InformationPlane(
        toy, 0.5, "relative", PlaneConfig(points=2, critic_steps=20, batch_size=64)
    )
    config = ObjectiveConfig(noise_scale="relative", predict_from="noisy")
    result = LayerwiseTrainer(network(toy), config, OPTIM, callbacks=[plane]).fit(toy)
    last = plane.points[-1]
    assert result.accuracies["test"] > 0.85
    assert last.scalars["sigma"] == pytest.approx(0.5 * last.scalars["activation_scale"])
    assert math.isfinite(last.estimates["mi_xt"].mi)


def test_only_the_last_hidden_block_has_a_linear_critic(toy: Dataset) -> None:
    layers: dict[str, int] = {}

    def count(event: Event) -> None:
        readout = event.model.readout
        layers[event.stage] = sum(isinstance(module, nn.Linear) for module in readout.modules())

    LayerwiseTrainer(network(toy), None, OPTIM, callbacks=[count]).fit(toy)
    assert layers == {"hidden1": 2, "hidden2": 1, "output": 0}


@pytest.mark.parametrize(
    ("source", "noisy"),
    [("clean", []), ("mixed", ["hidden1"]), ("noisy", ["hidden1", "hidden2"])],
)
def test_which_blocks_predict_from_noisy_outputs(
    toy: Dataset, source: str, noisy: list[str]
) -> None:
    result = LayerwiseTrainer(network(toy), ObjectiveConfig(predict_from=source), OPTIM).fit(toy)
    assert [r.stage for r in result.history if "mi_ty" in r.metrics and r.epoch == 1] == noisy


@pytest.mark.parametrize("kind", [LayerwiseTrainer, EndToEndTrainer])
@pytest.mark.parametrize(
    "mode", [pytest.param(torch.no_grad, marks=pytest.mark.slow), torch.inference_mode]
)
def test_a_training_within_no_grad_is_the_same(
    toy: Dataset, kind: type[LayerwiseTrainer] | type[EndToEndTrainer], mode: type
) -> None:
    plane_config = PlaneConfig(points=2, samples=50, train_samples=80, critic_steps=2)
    optim = OptimConfig(epochs=1, batch_size=50)

    def fit(model: nn.Module) -> FitResult:
        plane = InformationPlane(toy, config=plane_config)
        return kind(model, optim=optim, callbacks=[plane]).fit(toy)

    models = [network(toy) for _ in range(2)]
    expected = fit(models[0])
    with mode():
        found = fit(models[1])
    assert found.accuracies == expected.accuracies
    torch.testing.assert_close(found.network.state_dict(), expected.network.state_dict())


def test_an_output_block_without_weights_is_refused() -> None:
    model = {"linear": nn.Linear(6, 3), "scores": nn.Identity()}
    with pytest.raises(ModelError, match="block scores: got an output block without weights"):
        LayerwiseTrainer(model)
