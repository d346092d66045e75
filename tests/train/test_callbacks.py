"""What trainers show their callbacks."""

import pytest
import torch
from torch import nn

from ibtrain.train.callbacks import ModelView, accuracy, apply_in_chunks


def test_outputs_in_chunks_are_the_module_s_own_without_their_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ibtrain.train.callbacks.CHUNK", 4)
    module, x = nn.Linear(3, 2), torch.randn(10, 3)
    output = apply_in_chunks(module, x)
    assert not output.requires_grad
    torch.testing.assert_close(output, module(x))


def test_a_snapshot_looks_in_evaluation_mode_and_leaves_training_mode_as_it_was() -> None:
    blocks = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.9), nn.Linear(4, 2)).train()
    x = torch.randn(9, 3)
    snapshot = ModelView(blocks, nn.Identity(), {"test": x})
    first = snapshot.activations("test", torch.arange(5))
    second = snapshot.activations("test", torch.arange(5))
    assert blocks.training
    for name, h in first.items():
        assert len(h) == 5
        torch.testing.assert_close(h, second[name])


def test_accuracy_is_the_share_of_right_answers() -> None:
    scores = torch.tensor([[0.1, 2.0], [3.0, -1.0], [0.0, 0.5]])
    assert accuracy(scores, torch.tensor([1, 1, 1])).item() == torch.tensor(2 / 3).item()
