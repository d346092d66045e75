"""Evaluation mode for a while."""

import pytest
from torch import nn

from ibtrain.backend.modes import evaluation_mode


def test_each_modules_own_mode_is_put_back_even_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    model[1].eval()
    with pytest.raises(KeyError), evaluation_mode(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert [module.training for module in model.modules()] == [True, True, False]
