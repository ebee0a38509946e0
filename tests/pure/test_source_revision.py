"""The version that was tested: as the build server says, or as the files of Git do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.run.source_revision import SourceRevision, source_revision

COMMIT = "0123456789abcdef0123456789abcdef01234567"
AS_SOMEBODY = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com", "-c", "init.defaultBranch=main")


def git(directory: Path, *words: str) -> str:
    command = ["git", *AS_SOMEBODY, *words]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    return tmp_path


@pytest.mark.parametrize(
    ("variables", "branch"),
    [
        ({"GITHUB_SHA": COMMIT, "GITHUB_REF_NAME": "main"}, "main"),
        ({"GITHUB_SHA": COMMIT, "GITHUB_REF_NAME": "7/merge", "GITHUB_HEAD_REF": "faster"}, "faster"),
        ({"CI_COMMIT_SHA": COMMIT, "CI_COMMIT_REF_NAME": "main"}, "main"),
        ({"GIT_COMMIT": COMMIT, "GIT_BRANCH": "origin/main"}, "main"),
        ({"GIT_COMMIT": COMMIT}, ""),
    ],
)
def test_a_build_server_says_it(tree: Path, variables: dict[str, str], branch: str) -> None:
    assert source_revision(tree, variables) == SourceRevision(branch, COMMIT)


def test_git_says_it_from_any_folder_of_the_tree(tree: Path) -> None:
    inside = tree / "some" / "folder"
    inside.mkdir(parents=True)
    assert source_revision(inside, {}) == SourceRevision("main", git(tree, "rev-parse", "HEAD"))


def test_a_commit_without_a_branch_is_one(tree: Path) -> None:
    git(tree, "checkout", "-q", "--detach")
    assert source_revision(tree, {}) == SourceRevision("", git(tree, "rev-parse", "HEAD"))


def test_references_may_be_packed_and_trees_be_worktrees(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    git(tree, "pack-refs", "--all")
    wanted = git(tree, "rev-parse", "HEAD")
    assert source_revision(tree, {}) == SourceRevision("main", wanted)
    other = tmp_path_factory.mktemp("worktrees") / "other"
    git(tree, "worktree", "add", "-q", "-b", "feature/x", str(other))
    assert source_revision(other, {}) == SourceRevision("feature/x", wanted)


@pytest.mark.parametrize("head", ["", "nonsense", "ref: refs/heads/none", "ref: ../../../etc/passwd"])
def test_what_cannot_be_read_says_nothing_of_the_commit(tree: Path, head: str) -> None:
    (tree / ".git" / "HEAD").write_text(head)
    assert source_revision(tree, {}).commit == ""


def test_without_git_nobody_says_it(tmp_path: Path) -> None:
    assert source_revision(tmp_path, {}) == SourceRevision()
    (tmp_path / ".git").write_text("gitdir: /nowhere")
    assert source_revision(tmp_path, {}) == SourceRevision()
