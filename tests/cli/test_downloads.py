"""Downloads on the screen: a bar on a terminal, one line elsewhere, and it goes when the file is whole."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from cvp_cli import downloads
from cvp_cli.downloads import DownloadDisplay, downloads_shown
from cvp_cli.main import _watching
from cvp_core import download
from cvp_core.data import open_data


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_each_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    display = DownloadDisplay()
    for name, received, total in (
        ("a", 0, 2000),
        ("a", 2000, 2000),
        ("b", 500, 1000),
        ("b", 1000, 1000),
        ("c", 0, None),
    ):
        display(name, received, total)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "downloading a (2.0 kB)",
        "downloading b (1.0 kB, 500 B of it here already)",
        "downloading c",
    ]


def test_what_is_unpacked_is_told_by_another_word_and_not_where_it_is_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "pets.tar.gz", "w:gz") as archive:
        for name in ("cat/0.png", "dog/0.png"):
            archive.addfile(tarfile.TarInfo(name))
    for least, said in (
        (1 << 20, ""),
        (1, f"unpacking {tmp_path}/pets.tar.gz ({(tmp_path / 'pets.tar.gz').stat().st_size} B)"),
    ):
        monkeypatch.setattr(downloads, "_LONG", least)
        with downloads_shown():
            open_data(tmp_path / "pets.tar.gz")
        shutil.rmtree(tmp_path / "cache")
        assert capsys.readouterr().err.strip() == said


def test_on_a_terminal_a_bar_shows_bytes_and_goes_when_all_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    display = DownloadDisplay()
    display("weights.pth", 0, 2_000_000)
    assert display.bar is not None
    display("weights.pth", 1_000_000, 2_000_000)
    display.bar.refresh()
    display("weights.pth", 2_000_000, 2_000_000)
    assert display.bar is None
    assert "weights.pth" in screen.getvalue()
    assert "1.0/2.0 MB" in screen.getvalue()


def test_the_bar_goes_when_the_download_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with downloads_shown():
        display = download._watcher.get()
        assert isinstance(display, DownloadDisplay)
        display("x", 0, None)
        assert display.bar is not None
    assert display.bar is None
    assert download._watcher.get() is None


def test_commands_that_download_nothing_are_not_watched() -> None:
    for args in ([], ["--help"], ["list-models"], ["plugins", "list"]):
        with _watching(args):
            assert download._watcher.get() is None
    with _watching(["weights", "pull", "x"]):
        assert download._watcher.get() is not None
