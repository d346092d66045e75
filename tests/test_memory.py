"""How much memory there is: the machine's, a container's, or what a limit leaves."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ibtrain.backend import memory
from ibtrain.errors import DataError

MIB = 1 << 20
NONE = "9223372036854771712"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 1000 MiB without limits, whose control groups are in a folder."""
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000 * MIB // 4096}
    monkeypatch.setattr("os.sysconf", sizes.__getitem__)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "PROCESS", tmp_path / "process")
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr("resource.getrlimit", lambda _: unlimited)
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "process").mkdir()
    return tmp_path


def limit(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_a_machine_without_control_groups(machine: Path) -> None:
    assert memory.host_memory() == 1000 * MIB
    # a folder cannot be read as a file
    (machine / "cgroup" / "memory.max").mkdir()
    assert memory.host_memory() == 1000 * MIB


def test_the_smallest_limit_of_a_group_and_those_around_it(machine: Path) -> None:
    root = machine / "cgroup"
    name_groups(machine, "0::/user/job/step")
    limit(root / "user/job/step/memory.max", "max")
    assert memory.host_memory() == 1000 * MIB
    limit(root / "user/job/memory.max", str(300 * MIB))
    limit(root / "user/memory.max", str(700 * MIB))
    assert memory.host_memory() == 300 * MIB
    limit(root / "user/job/step/memory.max", str(200 * MIB))
    assert memory.host_memory() == 200 * MIB
    limit(root / "another/memory.max", str(1 * MIB))
    assert memory.host_memory() == 200 * MIB


def test_a_container_sees_the_limit_at_its_root(machine: Path) -> None:
    name_groups(machine, "0::/docker/abc")
    limit(machine / "cgroup/memory.max", str(250 * MIB))
    assert memory.host_memory() == 250 * MIB


def test_the_first_version_of_control_groups(machine: Path) -> None:
    name_groups(machine, "5:cpu,memory:/job\n4:pids:/other\n0::/")
    limit(machine / "cgroup/memory/job/memory.limit_in_bytes", str(150 * MIB))
    limit(machine / "cgroup/memory/memory.limit_in_bytes", NONE)
    limit(machine / "cgroup/other/memory.max", str(MIB))
    assert memory.host_memory() == 150 * MIB


def name_groups(machine: Path, text: str) -> None:
    """Names the process's control groups."""
    (machine / "process" / "cgroup").write_text(text + "\n")


@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_what_a_limit_of_the_process_leaves(
    machine: Path, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    none = resource.RLIM_INFINITY
    monkeypatch.setattr(
        "resource.getrlimit", lambda which: (400 * MIB if which == kind else none, none)
    )
    assert memory.host_memory() == 400 * MIB
    used = {resource.RLIMIT_AS: 0, resource.RLIMIT_DATA: 5}[kind]
    pages = ["0"] * 7
    pages[used] = str(100 * MIB // 4096)
    (machine / "process" / "statm").write_text(" ".join(pages))
    assert memory.host_memory() == 300 * MIB
    with pytest.raises(DataError, match=f"at most {150 * MIB} bytes, half of the memory that this"):
        memory.check_memory(200 * MIB, "arrays", DataError, "x")


def test_a_limit_of_the_shell_is_seen() -> None:
    code = (
        "import resource; from ibtrain.backend.memory import host_memory;"
        f"resource.setrlimit(resource.RLIMIT_AS, ({1000 * MIB}, {1000 * MIB}));"
        "print(host_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 1000 * MIB
