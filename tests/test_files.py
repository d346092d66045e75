"""Files are written atomically, and never through a link."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from disks import mounted
from folders import made
from matplotlib.figure import Figure

from ibtrain.cli.main import cli
from ibtrain.config import RunConfig
from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.io.files import append_line, check_output, write_atomically
from ibtrain.report.style import save_figure
from ibtrain.runs import RunFolder


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB with 8 KiB of free space."""
    with mounted(tmp_path / "disk", 64) as place:
        (place / "ballast").write_bytes(bytes(56 << 10))
        yield place


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text("precious")
    return path


def test_a_full_disk_keeps_the_old_file(full_disk: Path) -> None:
    path = full_disk / "results.json"
    write_atomically(path, "old")
    with pytest.raises(RunFolderError, match="No space left on device") as error:
        write_atomically(path, bytes(64 << 10))
    assert error.value.exit_code == 1
    assert path.read_text() == "old"
    assert sorted(file.name for file in full_disk.iterdir()) == ["ballast", "results.json"]


def test_a_line_that_a_full_disk_cuts_is_taken_back(full_disk: Path) -> None:
    path = full_disk / "metrics.jsonl"
    append_line(path, "first")
    with pytest.raises(RunFolderError, match="No space left on device") as error:
        append_line(path, "x" * (64 << 10))
    assert error.value.exit_code == 1
    assert path.read_text() == "first\n"
    append_line(path, "second")
    assert path.read_text() == "first\nsecond\n"


def test_a_picture_is_whole_or_not_there(full_disk: Path) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2])
    with pytest.raises(RunFolderError, match=r"p\.png: got a file that can't be written"):
        save_figure(figure, full_disk / "p.png")
    assert [file.name for file in full_disk.iterdir()] == ["ballast"]


def test_a_run_that_cannot_be_begun_leaves_nothing(full_disk: Path) -> None:
    with pytest.raises(RunFolderError, match="No space left on device"):
        made(full_disk / "run", command="x" * (64 << 10))
    assert [file.name for file in full_disk.iterdir()] == ["ballast"]


def test_a_folder_that_may_not_be_written_is_reported(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root can write to any folder")
    tmp_path.chmod(0o500)
    result = CliRunner().invoke(cli, ["compare", "--run-dir", str(tmp_path / "run")])
    tmp_path.chmod(0o700)
    assert result.exit_code == 2
    assert "run: got a folder that can't be written" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "plane.png").symlink_to(outside)
    write_atomically(tmp_path / "plane.png", "picture")
    assert not (tmp_path / "plane.png").is_symlink()
    assert outside.read_text() == "precious"


def test_no_event_goes_through_a_link(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "metrics.jsonl").symlink_to(outside)
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl: got a line that can't be written"):
        append_line(tmp_path / "metrics.jsonl", "event")
    assert outside.read_text() == "precious"


def test_no_checkpoint_goes_through_a_link(tmp_path: Path) -> None:
    run = made(tmp_path / "run").path
    (run / "checkpoints").rmdir()
    (run / "checkpoints").symlink_to(tmp_path)
    with pytest.raises(RunFolderError, match="checkpoints: got a link out of the run's folder"):
        RunFolder.open(run)


def test_a_data_sets_name_is_no_way_out_of_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run = made(None, RunConfig(dataset="/../../../x")).path.resolve()
    assert run.parent == tmp_path / "here" / "runs"
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


@pytest.mark.parametrize("name", ["file/x", "x" * 300, "a\0b"])
def test_a_path_that_cannot_be_is_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="can't be written"):
        write_atomically(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("name", "message"), [("no/x", "no such folder"), (".", "got a folder")])
def test_an_output_is_checked_before_the_work(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_output(tmp_path / name, "--output")
    for allowed in ("x", "a\0b"):
        check_output(tmp_path / allowed, "--output")


def test_an_output_in_a_folder_that_cannot_be_written_to_is_reported_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the tests may run as root, who can write to any folder
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match="got a folder that can't be written to, expected a writ"):
        check_output(tmp_path / "x", "--output")


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device"])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        # a copy of /dev/null, so that an error in the code can't delete the machine's own
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    else:
        path.symlink_to("/dev/null")
    before = path.lstat()
    with pytest.raises(
        RunFolderError, match=f"{path}: got something that is not a regular file, ex"
    ):
        write_atomically(path, "x")
    with pytest.raises(ConfigError, match=f"--output {path}: got a device or a pipe"):
        check_output(path, "--output")
    assert os.path.samestat(path.lstat(), before)


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/null", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_open_file_of_a_process_is_not_replaced(tmp_path: Path, path: str) -> None:
    """This holds for any target of a redirection, here a regular file."""
    code = (
        "from pathlib import Path; from ibtrain.io.files import check_output;"
        f"check_output(Path({path!r}), '--output')"
    )
    target = tmp_path / "redirected"
    with target.open("w") as file:
        process = subprocess.run(
            [sys.executable, "-c", code],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert f"--output {path}: got a device or a pipe, expected a regular file" in process.stderr


def test_no_event_goes_through_a_hard_link(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "metrics.jsonl").hardlink_to(outside)
    with pytest.raises(
        RunFolderError, match=r"metrics\.jsonl: got a hard link, or no regular file"
    ):
        append_line(tmp_path / "metrics.jsonl", "event")
    assert outside.read_text() == "precious"


def test_no_event_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metrics.jsonl")
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl: got a line that can't be written"):
        append_line(tmp_path / "metrics.jsonl", "event")


def test_a_link_to_a_file_is_replaced(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "out.json").symlink_to(outside)
    check_output(tmp_path / "out.json", "--output")
    write_atomically(tmp_path / "out.json", "x")
    assert not (tmp_path / "out.json").is_symlink()
    assert outside.read_text() == "precious"


def test_a_broken_disk_is_a_failure_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(RunFolderError, match="Input/output error") as caught:
        write_atomically(tmp_path / "x", "x")
    assert caught.value.exit_code == 1
