"""The commit of a run is that of ibtrain's own source, or none."""

import subprocess
from pathlib import Path

import pytest

import ibtrain
from ibtrain.backend import environment


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def repository(folder: Path, package: Path, *, is_tracked: bool = True) -> None:
    """A git repository with a package, from which the module under test seems to be imported."""
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package.parent / "setup.py").write_text("")
    (folder / "mine.txt").write_text("")
    git(folder, "init", "-q")
    git(folder, "add", "." if is_tracked else "mine.txt")
    git(folder, "commit", "-qm", "first")


def commit_of(package: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    monkeypatch.setattr(environment, "PACKAGE", package)
    return environment._git_commit()


def test_the_commit_of_this_source_tree() -> None:
    root = Path(ibtrain.__file__).parents[1]
    if not (root / ".git").exists():
        pytest.skip("this is no git work tree")
    commit = environment.environment("cpu", 1)["git_commit"]
    assert commit.removesuffix("-dirty") == git(root, "rev-parse", "HEAD")


def test_the_commit_of_the_source_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(tmp_path, tmp_path / "ibtrain")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert commit_of(tmp_path / "ibtrain", monkeypatch) == commit
    (tmp_path / "setup.py").write_text("changed")
    assert commit_of(tmp_path / "ibtrain", monkeypatch) == f"{commit}-dirty"


@pytest.mark.parametrize("is_tracked", [False, True])
@pytest.mark.parametrize("place", ["venv/lib/site-packages/ibtrain", "vendor/ibtrain"])
def test_a_users_repository_around_the_package_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, is_tracked: bool
) -> None:
    repository(tmp_path, tmp_path / place, is_tracked=is_tracked)
    assert commit_of(tmp_path / place, monkeypatch) is None


def test_a_package_that_is_not_tracked_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path, tmp_path / "ibtrain", is_tracked=False)
    assert commit_of(tmp_path / "ibtrain", monkeypatch) is None


def test_another_repository_in_the_surroundings_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path / "own", tmp_path / "own" / "ibtrain")
    repository(tmp_path / "other", tmp_path / "other" / "ibtrain")
    (tmp_path / "other" / "mine.txt").write_text("more")
    git(tmp_path / "other", "commit", "-qam", "second")
    expected = git(tmp_path / "own", "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert commit_of(tmp_path / "own" / "ibtrain", monkeypatch) == expected
