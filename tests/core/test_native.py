"""C++ that is compiled where it runs: once, whole or not at all, and one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvp_core import native
from cvp_core.train.cpu import norm

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")


def forget() -> None:
    native.library.cache_clear()
    native.built.cache_clear()


def test_a_library_is_compiled_once_and_a_compiler_that_fails_leaves_what_it_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path))
    try:
        monkeypatch.setenv("CXX", "false")
        forget()
        assert native.library(norm.SOURCE) is None
        (said,) = (path for path in tmp_path.rglob("*") if path.is_file())
        assert native.failures() == {"norm": said}
        assert str(norm.SOURCE) in said.read_text()
        monkeypatch.delenv("CXX")
        forget()
        assert native.library(norm.SOURCE) is not None
        (made,) = (path for path in tmp_path.rglob("*") if path.is_file())
        assert native.failures() == {}
        before = made.stat().st_mtime_ns
        monkeypatch.setenv("CXX", "false")
        forget()
        assert native.library(norm.SOURCE) is not None
        assert made.stat().st_mtime_ns == before
    finally:
        forget()


def test_a_library_that_another_user_put_there_is_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path))
    monkeypatch.setattr(native.os, "getuid", lambda: 54321)
    forget()
    try:
        assert native.library(norm.SOURCE) is None
    finally:
        forget()
    assert [path.parent.name for path in tmp_path.rglob("*.so")] == ["54321"]
