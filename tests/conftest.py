"""Fixtures that every test may use."""

from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import jaxtyping
import pytest
import torch
from hypothesis import HealthCheck, settings
from tape import Tape
from toys import gaussian_classes

from ibtrain.backend import cuda_graphs
from ibtrain.data.dataset import Dataset

# the sandbox of the fuzz tests has its own clock, and serves all cases of a test
CASES = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
settings.register_profile("few", max_examples=6, derandomize=True, **CASES)
settings.register_profile("many", max_examples=600, **CASES)
settings.load_profile("few")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--endings", type=int, default=2, help="Runs that each signal ends.")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small tensors are fastest, and sums are the same everywhere, on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """Turns off the checks of annotations, which hide what a user is told of a wrong argument."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def data_root() -> Path:
    """The real data sets, where they are."""
    if not (SHARED / "MNIST").is_dir():
        pytest.skip(f"no data sets at {SHARED}")
    return SHARED


@pytest.fixture
def toy() -> Dataset:
    """An easy problem of three classes in six dimensions."""
    return gaussian_classes()


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Records steps on the CPU, as those on CUDA can be."""
    monkeypatch.setattr(cuda_graphs, "DEVICE_TYPE", "cpu")
    monkeypatch.setattr(cuda_graphs, "CudaGraph", Tape)
    monkeypatch.setattr(Tape, "replays", 0)
    # a context variable that a fixture sets is not seen by the test
    monkeypatch.setattr(cuda_graphs, "_is_enabled", ContextVar("enabled", default=True))
    return monkeypatch
