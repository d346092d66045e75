"""What every fuzz test needs: a sandbox, little memory, no network, and a count of its cases."""

import resource
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import sandbox

GIB = 1 << 30


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz") / "template"
    sandbox.furnish(root)
    return root


@pytest.fixture(scope="module")
def box(template: Path) -> Iterator[sandbox.Sandbox]:
    """A machine of one GiB without a network, where what is too large fails instead of being slow."""

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    # users have no run-time checks of types, which would refuse what the readers must
    jaxtyping.config.update("jaxtyping_disable", True)
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(template.parent / "home"))
        patch.delenv("IBTRAIN_DATA", raising=False)
        patch.setattr("ibtrain.backend.memory.host_memory", lambda: GIB)
        patch.setattr("torchvision.datasets.mnist.download_and_extract_archive", offline)
        patch.setattr("torchvision.datasets.cifar.download_and_extract_archive", offline)
        resource.setrlimit(resource.RLIMIT_AS, (used + 6 * GIB, before[1]))
        yield sandbox.Sandbox(template)
        resource.setrlimit(resource.RLIMIT_AS, before)
    jaxtyping.config.update("jaxtyping_disable", False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if sandbox.cases:
        terminalreporter.write_line(f"{sandbox.cases} fuzz cases")
