"""Commands that write are killed, really, at many points: nothing is lost, nothing half is used, a rerun completes."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from archives import tarred, zipped
from fake_hub import Hub, serving
from PIL import Image

from cvp_cli.main import main
from cvp_core.data import open_data
from cvp_core.data.check.quarantine import quarantine_of
from cvp_core.data.registered import register

# For each line of its input forks a child that runs a command and ends itself by SIGKILL: when so many bytes have come,
# at the n-th write of what is unpacked, or before or after the n-th call of a function of os.
DYING = """
import json, os, signal, sys
from cvp_cli.downloads import DownloadDisplay
from cvp_cli.main import main
from cvp_core.data import open_data
from cvp_core.data import kept, tars

def end(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def dying(real, number, is_after):
    calls = 0
    def call(*given, **named):
        nonlocal calls
        calls += 1
        if calls == number and not is_after:
            end()
        result = real(*given, **named)
        if calls == number:
            end()
        return result
    return call

for line in sys.stdin:
    what, number, *arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        if what == "bytes":
            DownloadDisplay.__call__ = lambda self, name, received, total: received >= number and end()
        elif what == "unpacking":
            tars._CHUNK = 1 << 16
            kept._Bounded.write = dying(kept._Bounded.write, number, False)
        else:
            name, _, when = what.partition(" ")
            setattr(os, name, dying(getattr(os, name), number, when == "after"))
        os._exit(main(arguments))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""

Point = tuple[str, int]


def killed(*cases: tuple[Point, list[object]]) -> None:
    """Runs `cvp ARGUMENTS` for each in a process that ends itself at that point; fails if one gets past it."""
    lines = [json.dumps([*point, *map(str, arguments)]) for point, arguments in cases]
    victims = subprocess.run(
        [sys.executable, "-c", DYING], input="\n".join(lines), capture_output=True, text=True, timeout=120, check=True
    )
    codes = [line for line in victims.stdout.splitlines() if line.lstrip("-").isdigit()]
    assert codes == [str(-signal.SIGKILL)] * len(cases), (cases, victims.stdout, victims.stderr)


def picture(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (150, 200, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


PICTURES = {f"{name}/{number}.png": picture(number) for number, name in enumerate(["cat", "dog"] * 4)}


def tree(folder: Path) -> dict[str, bytes]:
    """All but what a killed process called .NAME.tmp, which nobody reads."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tmp")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def server() -> Iterator[Hub]:
    with serving() as running:
        yield running


CHUNK = 1 << 18  # bytes that a download takes at a time


def test_a_killed_pull_goes_on_where_it_ended(server: Hub) -> None:
    content = zipped(PICTURES)
    assert len(content) > 2 * CHUNK
    points: list[Point] = [(what, 1) for what in ("fsync", "fsync after", "replace", "replace after")]
    points += [("bytes", 0), ("bytes", CHUNK), ("bytes", 2 * CHUNK)]
    names = {f"pets-{number}": point for number, point in enumerate(points)}
    places = {}
    for name in names:
        server.files[f"/{name}.zip"] = content
        digest = hashlib.sha256(content).hexdigest()
        places[name] = Path(register(name, f"{server.url}/{name}.zip", digest).place)
        places[name].unlink()
    killed(*((point, ["data", "pull", name]) for name, point in names.items()))
    for name, (what, number) in names.items():
        assert places[name].exists() is (what == "replace after")
        server.ranges.clear()
        assert main(["data", "pull", name]) == 0
        assert places[name].read_bytes() == content
        assert [path.name for path in places[name].parent.iterdir()] == [places[name].name]
        if what == "bytes":
            assert server.ranges == [f"bytes={number}-" if number else None]


def test_a_killed_unpacking_is_begun_again_and_its_half_is_never_read(tmp_path: Path) -> None:
    points: list[Point] = [("unpacking", 1), ("unpacking", 3), ("fsync", 1), ("replace", 1)]
    files = {tmp_path / f"pets-{number}.tar.gz": point for number, point in enumerate(points)}
    for file in files:
        file.write_bytes(tarred(PICTURES))
    killed(*((point, ["data", "pull", file]) for file, point in files.items()))
    assert not list((tmp_path / "cache").rglob("*.tar"))
    for file in files:
        splits = open_data(file)
        names = [splits.train.name(index).partition("tar.gz/")[2] for index in range(8)]
        assert {name: splits.train.content(index) for index, name in enumerate(names)} == PICTURES


def test_a_killed_shard_command_is_completed_to_the_same_bytes(tmp_path: Path) -> None:
    for name, content in PICTURES.items():
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(content)
    command = ["data", "shard", str(tmp_path / "pets"), "--size", "200k", "--workers", "1", "-o"]
    # The first syncs are those of dataset-info.json and its folder.
    points: list[Point] = [("fsync", 1), ("fsync after", 2), ("fsync", 3), ("replace", 1), ("replace after", 2)]
    folders = {tmp_path / f"out-{number}": point for number, point in enumerate(points)}
    killed(*((point, [*command, folder]) for folder, point in folders.items()))
    assert main([*command, str(tmp_path / "whole")]) == 0
    assert len(tree(tmp_path / "whole")) > 3
    for folder in folders:
        assert tree(folder) != tree(tmp_path / "whole")
        assert main([*command, str(folder)]) == 0
        assert tree(folder) == tree(tmp_path / "whole")


def mess(root: Path) -> Path:
    """Two copies and two files that are no pictures, to be set aside, among sound ones."""
    files = {**PICTURES, "cat/copy.png": PICTURES["cat/0.png"], "dog/copy.png": PICTURES["dog/1.png"]}
    for name, content in {**files, "cat/bad.png": b"no picture", "dog/bad.png": b""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


SURPLUS = ["cat/bad.png", "cat/copy.png", "dog/bad.png", "dog/copy.png"]


def test_a_killed_fix_loses_nothing_and_is_completed_or_undone(tmp_path: Path) -> None:
    points: list[Point] = [("rename", number) for number in (1, 3)]
    points += [("rename after", 4), ("fsync", 1), ("fsync after", 1)]
    folders = {mess(tmp_path / f"mess-{number}"): point for number, point in enumerate(points)}
    killed(*((point, ["data", "verify", folder, "--fix"]) for folder, point in folders.items()))
    for folder in folders:
        before = tree(mess(tmp_path / "sound"))
        aside = quarantine_of(folder)
        left = {name: content for name, content in tree(aside).items() if name != "manifest.jsonl"}
        assert tree(folder) | left == before
        assert len(tree(folder)) + len(left) == len(before)
        main(["data", "verify", str(folder), "--fix"])
        assert sorted(before.keys() - tree(folder).keys()) == SURPLUS
        assert main(["data", "verify", str(folder), "--undo"]) == 0
        assert tree(folder) == before
        assert not aside.exists()


def test_a_killed_undo_is_completed_by_another(tmp_path: Path) -> None:
    points: list[Point] = [("rename", 1), ("rename after", 2), ("rename after", 4), ("rmdir", 1), ("rmdir after", 1)]
    folders = {mess(tmp_path / f"mess-{number}"): point for number, point in enumerate(points)}
    for folder in folders:
        main(["data", "verify", str(folder), "--fix"])
    killed(*((point, ["data", "verify", folder, "--undo"]) for folder, point in folders.items()))
    for folder in folders:
        assert main(["data", "verify", str(folder), "--undo"]) == 0
        assert tree(folder) == tree(mess(tmp_path / "sound"))
        assert not quarantine_of(folder).exists()
