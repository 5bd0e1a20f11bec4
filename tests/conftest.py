"""What all tests share: one thread where several processes share the cores, and no user's weights, data or names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cvp_core import known

# Before torch is imported: two test processes with two threads each would wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no process ends long after the others."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One for all processes of the run: what is painted or decoded is painted or decoded once."""
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CVP_CACHE", str((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "cache"))
        patch.setenv("CVP_CONFIG", str(folder / "config"))  # for what is made before the first test
        yield


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVP_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("CVP_CONFIG", str(tmp_path / "config"))
    for name in ("CVP_DATA", "CVP_STRICT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _known_but_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family that cvp knows and that no environment has."""
    monkeypatch.setitem(known._PREFIXES, "cvp-absent", ("absentnet", "absent/"))
