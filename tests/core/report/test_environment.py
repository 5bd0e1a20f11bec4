"""What a report tells of the place where a run took place."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from cvp_core.report.environment import describe_environment, git_commit


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_commit_is_told_and_whether_files_were_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit(tmp_path) == ""
    git(tmp_path, "init", "-q")
    assert git_commit(tmp_path) == ""  # nothing committed yet
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "tag", "v1")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_commit(tmp_path) == commit[:12]
    (tmp_path / "a").write_text("2")
    assert git_commit(tmp_path) == f"{commit[:12]}-dirty"


def test_versions_threads_and_precision_are_told_and_what_is_missing_left_out() -> None:
    found = describe_environment("cpu", "bfloat16", ["cvp-classic", "cvp-nowhere"])
    assert f"cvp-core {version('cvp-core')}" in found["cvp"]
    assert "cvp-classic" in found["cvp"]
    assert "cvp-nowhere" not in found["cvp"]
    assert f"torch {version('torch')}" in found["libraries"]
    assert found["threads"] == str(torch.get_num_threads())
    assert found["precision"] == "bfloat16"
