"""What is set aside, and that all comes back as it was, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cvp_core.data import open_data
from cvp_core.data.check import examine
from cvp_core.data.check.quarantine import quarantine_of, restore, set_aside
from cvp_core.data.check.surplus import Surplus, surplus
from cvp_core.errors import DataError, OutputError

Photos = Callable[[Path, dict[str, int | bytes]], Path]

MESS: dict[str, int | bytes] = {
    "train/cat/1.png": 1,
    "train/cat/2.png": 1,  # a duplicate
    "train/cat/3.png": 3,
    "train/cat/cut.jpg": b"\xff\xd8\xff",
    "train/dog/1.png": 4,
    "train/dog/2.png": 5,
    "train/dog/deep/2.png": 5,
    "val/cat/3.png": 3,  # as in train
    "val/dog/6.png": 6,
    "test/cat/6.png": 6,  # as in val, of another class
    "test/cat/7.png": 7,
    "test/dog/5.png": 5,  # as twice in train
    "test/dog/5 again.png": 5,
    "train/dog/8.png": 8,
    "train/cat/8.png": 8,  # nobody knows which is right
}
SURPLUS = [
    "train/cat/2.png",
    "train/cat/3.png",
    "train/cat/cut.jpg",
    "train/dog/2.png",
    "train/dog/deep/2.png",
    "val/dog/6.png",
]


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below: files with their content, folders with None."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def fix(root: Path) -> int:
    return set_aside(root, surplus(examine(open_data(root))))


def test_copies_stay_in_test_before_val_before_train_and_one_of_a_class(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", MESS)
    found = surplus(examine(open_data(root)))
    assert [os.path.relpath(each.path, root) for each in found] == SURPLUS
    reasons = {os.path.relpath(each.path, root): each.reason for each in found}
    assert reasons["train/cat/3.png"] == f"the same picture as {root}/val/cat/3.png"
    assert "damaged" in reasons["train/cat/cut.jpg"] or "ends after 3 bytes" in reasons["train/cat/cut.jpg"]


def test_after_setting_aside_nothing_leaks_and_restoring_gives_the_same_tree(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", MESS)
    before = tree(root)
    assert fix(root) == len(SURPLUS)
    aside = tree(quarantine_of(root))
    assert {name: aside[name] for name in SURPLUS} == {name: before[name] for name in SURPLUS}
    report = examine(open_data(root)).report()
    assert [finding.kind for finding in report.of("error")] == ["label-conflict"]
    assert report.count("duplicate") == 1  # within test, which is left alone
    assert fix(root) == 0
    assert restore(root).moved == len(SURPLUS)
    assert tree(root) == before
    assert os.listdir(tmp_path / "d" / "..").count("d.quarantine") == 0


# Ends itself by SIGKILL at the n-th rename, before or after it happens, or while the manifest is synced.
VICTIM = """
import os, signal, sys
from cvp_core.data import open_data
from cvp_core.data.check import examine
from cvp_core.data.check.quarantine import set_aside
from cvp_core.data.check.surplus import surplus
what, number, root = sys.argv[1], int(sys.argv[2]), sys.argv[3]
real, calls = getattr(os, what), 0
def dying(*arguments):
    global calls
    calls += 1
    if calls == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
found = surplus(examine(open_data(root)))
setattr(os, what, dying)
set_aside(__import__("pathlib").Path(root), found)
"""


@pytest.mark.parametrize("what, number, moved", [("fsync", 1, 0), ("rename", 1, 0), ("rename", 4, 3)])
def test_killed_at_any_moment_a_rerun_completes_and_undo_gives_the_same_tree(
    what: str, number: int, moved: int, tmp_path: Path, photos: Photos
) -> None:
    root = photos(tmp_path / "d", MESS)
    before = tree(root)
    victim = subprocess.run([sys.executable, "-c", VICTIM, what, str(number), str(root)], timeout=60)
    assert victim.returncode == -signal.SIGKILL
    assert len(before) - len(tree(root)) == moved
    half = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-half")) / "d"
    assert restore(half).moved == moved  # at once
    assert tree(half) == before
    assert fix(root) == len(SURPLUS) - moved  # or after it was completed
    assert sorted(before.keys() - tree(root).keys()) == sorted(SURPLUS)
    restore(root)
    assert tree(root) == before
    assert not quarantine_of(root).exists()


def test_an_undo_that_was_interrupted_is_completed_by_another(
    tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = photos(tmp_path / "d", MESS)
    before = tree(root)
    fix(root)
    real, calls = os.rename, []

    def dying(*arguments: Path) -> None:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(arguments)
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            restore(root)
    restore(root)
    assert tree(root) == before


def test_a_line_that_was_cut_off_was_never_followed_by_a_move(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", MESS)
    before = tree(root)
    quarantine_of(root).mkdir()
    (quarantine_of(root) / "manifest.jsonl").write_bytes(b'{"path": "train/cat/1.png", "to": "tra')
    fix(root)
    restore(root)
    assert tree(root) == before


def test_a_name_that_is_taken_again_stays_aside_and_is_named(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", MESS)
    fix(root)
    (root / "train/cat/2.png").write_bytes(b"new")
    restored = restore(root)
    assert restored.left == (str(root / "train/cat/2.png"),)
    assert restored.moved == len(SURPLUS) - 1
    assert (root / "train/cat/2.png").read_bytes() == b"new"
    (root / "train/cat/2.png").unlink()
    assert restore(root).moved == 1


def test_a_link_keeps_the_picture_that_it_leads_to(tmp_path: Path, photos: Photos) -> None:
    root = photos(
        tmp_path / "d", {"train/cat/1.png": 1, "train/cat/2.png": 2, "train/dog/1.png": 3, "val/dog/4.png": 4}
    )
    (root / "val" / "cat").symlink_to(root / "train" / "cat")
    (root / "train" / "dog" / "link.png").symlink_to("1.png")
    assert [each.path for each in surplus(examine(open_data(root)))] == [str(root / "train/dog/link.png")]


def test_foreign_folders_manifests_and_paths_are_refused(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", MESS)
    with pytest.raises(DataError, match="is set aside"):
        restore(root)
    with pytest.raises(DataError, match="does not lie below"):
        set_aside(root, [Surplus(str(tmp_path / "other.png"), "")])
    photos(quarantine_of(root), {"precious.png": 1})
    for act in (fix, restore):
        with pytest.raises(DataError, match="cvp did not make it"):
            act(root)
    manifest = quarantine_of(root) / "manifest.jsonl"
    for line in ('{"path": "../out.png", "to": "precious.png", "reason": ""}', '{"path": 1}', "{"):
        manifest.write_text(line + "\n")
        with pytest.raises(DataError, match="line 1 is damaged"):
            restore(root)
    assert not (tmp_path / "out.png").exists()


def test_a_place_that_cannot_be_written_is_named_before_anything_moves(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", MESS)
    before = tree(root)
    quarantine_of(root).write_bytes(b"")
    with pytest.raises(OutputError, match=r"d\.quarantine"):
        fix(root)
    assert tree(root) == before
