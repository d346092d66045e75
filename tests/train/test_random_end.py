"""Dropout and noise at the end of a frozen block act on the inputs of the next one in training."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ibtrain.config import ObjectiveConfig, OptimConfig
from ibtrain.data.dataset import Dataset, Split
from ibtrain.errors import InterruptedRunError
from ibtrain.models.noise import GaussianNoise
from ibtrain.train.callbacks import Event
from ibtrain.train.checkpointer import Checkpointer, State
from ibtrain.train.fit import fit_ensemble
from ibtrain.train.layerwise import LayerwiseTrainer
from ibtrain.train.results import FitResult

OPTIM = OptimConfig(learning_rate=1e-2, schedule="constant", batch_size=0, epochs=2)
"""All samples at every step, so that only their order differs."""


def inputs_read(
    blocks: dict[str, nn.Module], data: Dataset, order: str = "sequential"
) -> dict[bool, list[Tensor]]:
    """What the last block reads, by whether it is in training mode then."""
    inputs: dict[bool, list[Tensor]] = {True: [], False: []}
    last = list(blocks.values())[-1]
    last.register_forward_pre_hook(
        lambda module, arguments: inputs[module.training].append(arguments[0].detach().clone())
    )
    objective = ObjectiveConfig(order=order, beta=0.0, noise_std=0.0)
    LayerwiseTrainer(blocks, objective, OPTIM).fit(data)
    return inputs


def two_blocks(*end: nn.Module, width: int = 40) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    # its outputs are all positive, so that zeros are those of dropout
    first = nn.Sequential(nn.Linear(6, width), nn.Sigmoid(), *end)
    return {"hidden": first, "output": nn.Linear(width, 3)}


def sorted_rows(x: Tensor) -> Tensor:
    """Rows in the order of their first value, whatever the order of the batch."""
    return x[x[:, 0].argsort()]


@pytest.mark.parametrize(
    "end",
    [
        [nn.Dropout(0.3)],
        [nn.Sequential(nn.Identity(), nn.Dropout(0.3)), nn.Flatten()],
    ],
    ids=["at the end", "nested"],
)
def test_the_next_block_reads_dropped_outputs(toy: Dataset, end: list[nn.Module]) -> None:
    blocks = two_blocks(*end)
    inputs = inputs_read(blocks, toy)
    clean = blocks["hidden"](toy.train.x).detach()
    # the last evaluation reads the training split and then the test split; evaluation is without dropout
    assert any(x.shape == clean.shape and torch.equal(x, clean) for x in inputs[False])
    batches = inputs[True]
    assert len(batches) == OPTIM.epochs
    for x in batches:
        # 400 x 40 draws: five standard errors
        assert (x == 0).float().mean().item() == pytest.approx(0.3, abs=5 * 0.0036)
        kept = 0.7 * x[:, 0][x[:, 0] > 0]
        assert (kept[:, None] - clean[:, 0]).abs().min(dim=1).values.max() < 1e-6
    # fresh masks at every step: the number of zeros in a column does not depend on the order of the samples
    assert not torch.equal((batches[0] == 0).sum(dim=0), (batches[1] == 0).sum(dim=0))


def test_the_next_block_reads_noisy_outputs(toy: Dataset) -> None:
    blocks = two_blocks(GaussianNoise(0.2))
    (first, second) = inputs_read(blocks, toy)[True]
    clean = blocks["hidden"](toy.train.x).detach()
    # noise is independent of the outputs, whose order is that of the batch: variances add
    variance = first.var(dim=0) - clean.var(dim=0)
    assert variance.mean().item() == pytest.approx(0.04, abs=0.004)
    assert first.mean().item() == pytest.approx(clean.mean().item(), abs=0.01)
    assert torch.isin(first, second).float().mean() < 0.01


def test_a_block_reads_the_dropped_outputs_of_the_block_before_it_only(toy: Dataset) -> None:
    hidden = two_blocks(nn.Dropout(0.5), width=20)["hidden"]
    second = nn.Sequential(nn.Linear(20, 9), nn.Sigmoid())
    blocks = {"hidden": hidden, "second": second, "output": nn.Linear(9, 3)}
    batches = inputs_read(blocks, toy)[True]
    clean = sorted_rows(second(hidden(toy.train.x)).detach())
    assert all(torch.allclose(sorted_rows(x), clean) for x in batches)


def test_channels_that_are_flattened_are_dropped_as_a_whole() -> None:
    torch.manual_seed(0)
    x = torch.rand(60, 1, 4, 4)
    y = torch.arange(60) % 2
    data = Dataset("images", Split(x[:40], y[:40]), Split(x[40:], y[40:]), 2)
    first = nn.Sequential(nn.Conv2d(1, 12, 3), nn.Sigmoid(), nn.Dropout2d(0.5), nn.Flatten())
    batches = inputs_read({"conv": first, "output": nn.Linear(48, 2)}, data)[True]
    zeros = (torch.cat(batches).view(-1, 12, 4) == 0).sum(dim=2)
    assert set(zeros.unique().tolist()) == {0, 4}


@pytest.mark.parametrize("order", ["sequential", "simultaneous"])
def test_random_layers_elsewhere_stay_off_only_where_outputs_are_kept(
    toy: Dataset, order: str
) -> None:
    blocks = two_blocks()
    blocks["hidden"] = nn.Sequential(nn.Linear(6, 40), nn.Dropout(0.5), nn.Sigmoid())
    x = inputs_read(blocks, toy, order)[True][-1]
    clean = blocks["hidden"](toy.train.x).detach()
    is_clean = torch.equal(sorted_rows(x), sorted_rows(clean))
    assert is_clean == (order == "sequential")


def test_seeds_that_train_as_one_read_inputs_of_their_own(
    toy: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on an accelerator: the last block, which draws nothing itself, is called once for all."""
    monkeypatch.setattr("ibtrain.backend.ensemble.NETWORKS_AT_ONCE", 2)
    objective = ObjectiveConfig(beta=0.0, noise_std=0.0)

    def fit() -> list[object]:
        trainers = [LayerwiseTrainer(two_blocks(nn.Dropout(0.4)), objective, OPTIM) for _ in "ab"]
        return [result.history for result in fit_ensemble(trainers, toy)]

    first, second = fit()
    assert first != second
    assert [first, second] == fit()


class StopAt(Checkpointer):
    """Keeps the state after a step, and ends the training there.

    Args:
        step: The number of the step; 0 trains to the end.
    """

    def __init__(self, step: int, state: State | None = None) -> None:
        self.left = step
        self.state = state

    def load(self) -> State | None:
        if self.state:
            torch.set_rng_state(self.state["torch"])
        return self.state

    def after_step(self, state: Callable[[], State]) -> None:
        self.left -= 1
        if not self.left:
            self.state = copy.deepcopy({**state(), "torch": torch.get_rng_state()})
            raise InterruptedRunError(2)


@pytest.mark.parametrize("step", [8, 13])
def test_a_training_with_a_random_end_goes_on_to_the_last_bit(toy: Dataset, step: int) -> None:
    """In the first block's last step, and in the second block."""
    optim = replace(OPTIM, batch_size=100)

    def fit(checkpointer: Checkpointer) -> FitResult:
        blocks = two_blocks(GaussianNoise(0.1), nn.Dropout(0.3))
        return LayerwiseTrainer(blocks, optim=optim).fit(toy, checkpointer=checkpointer)

    expected = fit(Checkpointer())
    stop = StopAt(step)
    with pytest.raises(InterruptedRunError):
        fit(stop)
    result = fit(StopAt(0, stop.state))
    assert result.history == expected.history
    weights = result.network.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in expected.network.state_dict().items())


def test_measures_see_the_block_without_noise(toy: Dataset) -> None:
    seen = []

    def look(event: Event) -> None:
        if event.stage == "output" and event.kind == "epoch":
            index = torch.arange(5)
            seen.append(event.model.inputs["train"][index])

    blocks = two_blocks(GaussianNoise(3.0))
    LayerwiseTrainer(blocks, optim=OPTIM, callbacks=[look]).fit(toy)
    clean = blocks["hidden"].eval()(toy.train.x[:5]).detach()
    assert len(seen) == OPTIM.epochs
    assert all(torch.allclose(x, clean) for x in seen)
