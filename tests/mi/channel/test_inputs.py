"""What users pass to the estimators of known noise."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ibtrain import channel_bounds, channel_mi
from ibtrain.errors import DataError
from ibtrain.mi.channel.dropout import dropout_mi
from ibtrain.mi.channel.inputs import as_classes, as_outputs
from ibtrain.mi.channel.pairwise import pairwise_bounds
from ibtrain.mi.channel.profile import channel_profile

H = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 3

ESTIMATORS: dict[str, Callable[[Any, Any], float]] = {
    "channel_mi": lambda h, labels: channel_mi(h, 0.5, labels).mi_ty.mi,  # type: ignore[union-attr]
    "channel_bounds": lambda h, labels: channel_bounds(h, 0.5).value.mi,
    "pairwise_bounds": lambda h, labels: pairwise_bounds(h, 0.5, labels).upper.mi_ty.mi,  # type: ignore[union-attr]
    "channel_profile": lambda h, labels: channel_profile(h, [0.5], labels)[0].mi_ty.mi,  # type: ignore[union-attr]
    "dropout_mi": lambda h, labels: dropout_mi(h, 0.5, labels).mi_xt.mi,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_arrays_and_tensors_have_the_same_value(name: str) -> None:
    estimator = ESTIMATORS[name]
    value = estimator(H, LABELS)
    assert estimator(H.numpy(), LABELS.to(torch.uint8).numpy()) == value
    assert math.isfinite(value)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_numbers_of_classes_without_samples_change_nothing(name: str) -> None:
    gaps = torch.tensor([1, 4, 5])[LABELS]
    assert ESTIMATORS[name](H, gaps) == ESTIMATORS[name](H, LABELS)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_estimator_returns_nan(name: str, value: float) -> None:
    h = H.clone()
    h[7, 1] = value
    with pytest.raises(
        DataError, match="h: got NaN or an infinite value in row 7, expected finite"
    ):
        ESTIMATORS[name](h, LABELS)


def test_whole_numbers_are_outputs_too() -> None:
    h = torch.arange(12).reshape(6, 2)
    assert channel_mi(h, 0.5).mi_xt.mi == channel_mi(h.float(), 0.5).mi_xt.mi


@pytest.mark.parametrize("shape", [(1, 3), (5, 0)])
def test_matrices_without_samples_or_units_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=r"h: got outputs of shape .*, expected \(samples, units\)"):
        channel_mi(torch.zeros(shape), 0.5)


@pytest.mark.usefixtures("unchecked_types")
def test_other_shapes_and_labels_that_are_no_classes_are_refused() -> None:
    with pytest.raises(DataError, match=r"got outputs of shape \(4, 2, 2\), .*h.flatten\(1\)"):
        as_outputs(torch.zeros(4, 2, 2))
    for labels, message in (
        (LABELS[:5], r"got labels of shape \(5,\), expected one for each of 40 samples"),
        (LABELS - 1, r"got labels of type torch.int64 from -1, expected classes: whole numbers"),
        (LABELS.float().numpy(), r"got labels of type torch.float32 from 0, expected classes"),
        (np.eye(3)[LABELS.numpy()], r"got labels of shape \(40, 3\)"),
    ):
        with pytest.raises(DataError, match=message):
            as_classes(labels, H)
