"""Which version of the source a run belongs to: what the build server says, or else the Git working tree around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT")
BRANCHES = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME")
JENKINS_BRANCHES = ("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH")
"""GitHub, GitLab and Jenkins; of a pull request the branch that is to be merged."""
LONGEST = 200
_REVISION = re.compile(r"[0-9a-f]{7,64}")
_HEADS = "refs/heads/"


@dataclass(frozen=True)
class SourceRevision:
    branch: str = ""
    commit: str = ""


def source_revision(directory: Path, environment: Mapping[str, str]) -> SourceRevision:
    """Empty where nobody says. Git itself is not needed: its files are read, and whether the tree was changed since the
    commit is not known.
    """
    commit = _first(environment, COMMITS)
    if commit:
        branch = _first(environment, (*BRANCHES, *JENKINS_BRANCHES)).removeprefix("origin/")
        return SourceRevision(branch[:LONGEST], commit[:LONGEST])
    try:
        return _of_working_tree(directory)
    except (OSError, ValueError):
        return SourceRevision()


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environment.get(name, "").strip())), "")


def _of_working_tree(directory: Path) -> SourceRevision:
    around = (each / ".git" for each in (directory, *directory.parents))
    git = next((each for each in around if each.exists()), None)
    if git is None:
        return SourceRevision()
    if git.is_file():  # a worktree, or a submodule
        git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return SourceRevision("", head if _REVISION.fullmatch(head) else "")
    reference = head.removeprefix("ref:").strip()
    branch = reference.removeprefix(_HEADS) if reference.startswith(_HEADS) else ""
    return SourceRevision(branch[:LONGEST], _commit_of(git, reference))


def _commit_of(git: Path, reference: str) -> str:
    shared = git / "commondir"
    places = [git, *([git / shared.read_text(encoding="utf-8").strip()] if shared.is_file() else [])]
    for place in places:
        if (place / reference).is_file():
            found = (place / reference).read_text(encoding="utf-8").strip()
            return found if _REVISION.fullmatch(found) else ""
    for place in places:
        if (place / "packed-refs").is_file():
            for line in (place / "packed-refs").read_text(encoding="utf-8").splitlines():
                commit, _, name = line.partition(" ")
                if name == reference and _REVISION.fullmatch(commit):
                    return commit
    return ""
