"""Processes that train one network on a machine have one copy of the samples."""

import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from spawning import mapped_files, spawned

from ibtrain import Dataset, load_dataset
from ibtrain.backend import mapped
from ibtrain.data.common import common_data
from ibtrain.errors import IBTrainWarning

COUNT = 2
Shared = tuple[str, bool, int, set[str], list[str]]


def loaded(source: Path) -> Dataset:
    """A data set; counts in a file how often it is loaded."""
    with (source.parent / "loads").open("a") as file:
        file.write("x")
    return load_dataset(f"npz:{source}", validation=0.25)


def shared_data(source: Path, scratch: Path, *, has_space: bool) -> Shared:
    tempfile.tempdir = str(scratch)
    if not has_space:
        mapped.free_disk = lambda: 1000
    with warnings.catch_warnings(record=True) as caught:
        data = common_data(partial(loaded, source))
    assert data.scaling and data.validation
    is_known = data.scaling.has_scaled(data.validation.x)
    told = [str(each.message) for each in caught if issubclass(each.category, IBTrainWarning)]
    return data.fingerprint(), is_known, len(data.classes), mapped_files(scratch), told


@pytest.mark.parametrize("has_space", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_samples_are_loaded_once(tmp_path: Path, has_space: bool) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    draws = np.random.default_rng(0)
    labels = np.array(["no", "yes", "perhaps"])[np.arange(600) % 3]
    np.savez(tmp_path / "data.npz", x=draws.standard_normal((600, 5)), y=labels)
    results = spawned(
        partial(shared_data, tmp_path / "data.npz", scratch, has_space=has_space), COUNT, tmp_path
    )
    expected = load_dataset(f"npz:{tmp_path}/data.npz", validation=0.25).fingerprint()
    assert [each[:3] for each in results] == [(expected, True, 3)] * COUNT
    files = set[str]().union(*(each[3] for each in results))
    assert len(files) == has_space
    assert all(len(each[3]) == has_space for each in results)
    assert all(("set TMPDIR" in "".join(each[4])) != has_space for each in results)
    assert len((tmp_path / "loads").read_text()) == (1 if has_space else COUNT)
    assert not list(scratch.iterdir())


def test_one_process_loads_its_own() -> None:
    data = common_data(partial(load_dataset, "digits"))
    assert data.fingerprint() == load_dataset("digits").fingerprint()
