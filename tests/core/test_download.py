"""Downloads from a server on this machine: resumed, verified, placed atomically, and clear when they fail."""

from __future__ import annotations

import hashlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cvp_core.download import OFFLINE, cache_folder, fetch, watched
from cvp_core.errors import DataError, MachineError, OutputError

DATA = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/file honours ranges, /whole ignores them, /broken stops half-way, /wrong is another file, else 404.

    etag: of all, "" for none; a range is only given to those who know it, or ask for no other. cut: after how many
    bytes the next answer ends.
    """

    requests: list[tuple[str, str | None]]
    etag: str
    cut: int | None

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.requests.append((self.path, wanted))
        if self.etag and self.headers.get("If-Range", self.etag) != self.etag:
            wanted = None
        if self.path not in ("/file", "/whole", "/broken", "/wrong"):
            self.send_error(404)
            return
        data = DATA[::-1] if self.path == "/wrong" else DATA
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.path != "/whole" else 0
        if start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if self.etag:
            self.send_header("ETag", self.etag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(data[start : len(data) // 2 if self.path == "/broken" else self.cut])
        type(self).cut = None

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Handler.requests, Handler.etag, Handler.cut = [], "", None
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "cache" / "file.gz"


def part(target: Path, data: bytes) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name("file.gz.part")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("digest", [SHA256, MD5, SHA256.upper(), None])
def test_a_file_arrives_whole_and_leaves_nothing_else(server, target, digest):
    assert fetch([f"{server}/file"], digest, target) == target
    assert target.read_bytes() == DATA
    assert [path.name for path in target.parent.iterdir()] == ["file.gz"]


def test_the_beginning_of_a_hash_is_enough_and_must_be_right(server, target):
    assert fetch([f"{server}/file"], SHA256[:8], target).read_bytes() == DATA
    target.unlink()
    with pytest.raises(MachineError, match="is not the published one"):
        fetch([f"{server}/file"], "0" * 8, target)


def test_nothing_is_downloaded_where_that_is_forbidden(server, target, monkeypatch):
    monkeypatch.setenv(OFFLINE, "1")
    with pytest.raises(MachineError, match=f"put {server}/file there by hand"):
        fetch([f"{server}/file"], SHA256, target)
    assert not Handler.requests


def test_a_file_in_place_is_not_asked_for_again(server, target):
    fetch([f"{server}/file"], SHA256, target)
    fetch([f"{server}/file"], SHA256, target)
    assert len(Handler.requests) == 1


def test_progress_runs_from_nothing_to_the_total(server, target):
    seen = []
    with watched(lambda name, done, total: seen.append((done, total))):
        fetch([f"{server}/file"], SHA256, target)
    assert seen[0] == (0, len(DATA))
    assert seen[-1] == (len(DATA), len(DATA))
    assert seen == sorted(seen)


def test_what_was_received_is_continued(server, target):
    part(target, DATA[:1000])
    seen = []
    with watched(lambda name, done, total: seen.append((done, total))):
        fetch([f"{server}/file"], SHA256, target)
    assert Handler.requests == [("/file", "bytes=1000-")]
    assert seen[0] == (1000, len(DATA))
    assert target.read_bytes() == DATA


def test_a_server_without_ranges_sends_it_all_again(server, target):
    part(target, DATA[:1000])
    fetch([f"{server}/whole"], SHA256, target)
    assert target.read_bytes() == DATA


def test_a_complete_part_is_only_verified(server, target):
    part(target, DATA)
    fetch([f"{server}/file"], SHA256, target)
    assert target.read_bytes() == DATA


def test_a_wrong_part_is_thrown_away_and_fetched_anew(server, target):
    part(target, b"x" * 1000)
    fetch([f"{server}/file"], SHA256, target)
    assert Handler.requests == [("/file", "bytes=1000-"), ("/file", None)]
    assert target.read_bytes() == DATA


def test_without_a_hash_nothing_is_continued(server, target):
    part(target, b"x" * 1000)
    fetch([f"{server}/file"], None, target)
    assert target.read_bytes() == DATA


@pytest.mark.parametrize(
    "before, after, is_continued",
    [('"1"', '"1"', True), ('"1"', '"2"', False), ('W/"1"', 'W/"1"', False), ("", "", False)],
)
def test_without_a_hash_it_is_continued_while_the_server_has_the_same_file(server, target, before, after, is_continued):
    Handler.etag, Handler.cut = before, 1000
    with pytest.raises(MachineError, match=f"ended after 1000 of {len(DATA)} bytes; run it again"):
        fetch([f"{server}/file"], None, target)
    if not is_continued:
        target.with_name("file.gz.part").write_bytes(b"x" * 1000)  # of what the file was then
    Handler.etag = after
    assert fetch([f"{server}/file"], None, target).read_bytes() == DATA
    assert Handler.requests[-1] == ("/file", "bytes=1000-" if before == '"1"' else None)
    assert [path.name for path in target.parent.iterdir()] == ["file.gz"]


def test_without_a_hash_the_part_of_another_address_is_not_continued(server, target):
    Handler.etag = '"1"'
    with pytest.raises(MachineError):
        fetch([f"{server}/broken"], None, target)
    assert fetch([f"{server}/file"], None, target).read_bytes() == DATA
    assert Handler.requests[-1] == ("/file", None)


def test_a_broken_connection_keeps_its_part_for_the_next_try(server, target):
    with pytest.raises(MachineError, match=f"ended after {len(DATA) // 2} of {len(DATA)} bytes; run it again"):
        fetch([f"{server}/broken"], SHA256, target)
    assert not target.exists()
    fetch([f"{server}/file"], SHA256, target)
    assert Handler.requests[-1] == ("/file", f"bytes={len(DATA) // 2}-")
    assert target.read_bytes() == DATA


def test_another_file_than_the_published_one_is_never_put_in_place(server, target):
    with pytest.raises(MachineError, match="not the published one") as caught:
        fetch([f"{server}/wrong"], SHA256, target)
    assert SHA256 in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_mirrors_are_tried_in_order(server, target):
    fetch([f"{server}/none", f"{server}/wrong", f"{server}/file", f"{server}/whole"], SHA256, target)
    assert [path for path, _ in Handler.requests] == ["/none", "/wrong", "/file"]


def test_404_and_offline_name_the_url_and_the_way_by_hand(server, target):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(MachineError) as caught:
            fetch([f"{server}/none", closed], SHA256, target)
    message = str(caught.value)
    assert f"{server}/none: the server answers 404" in message
    assert f"{closed}: Connection refused" in message
    assert f"put the file there by hand: {target}" in message
    assert "\n" not in message


def test_a_damaged_file_in_place_is_not_overwritten(server, target):
    part(target, b"").unlink()
    target.write_bytes(b"the user's own")
    with pytest.raises(DataError, match=r"not the published file .* delete it"):
        fetch([f"{server}/file"], SHA256, target)
    assert target.read_bytes() == b"the user's own"


def test_two_at_once_download_once(server, target):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: fetch([f"{server}/file"], SHA256, target), range(4)))
    assert results == [target] * 4
    assert len(Handler.requests) == 1


def test_a_place_that_cannot_be_written_is_an_output_error(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="CVP_CACHE"):
        fetch([f"{server}/file"], SHA256, tmp_path / "file" / "x")


def test_the_cache_is_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("CVP_CACHE", "/somewhere")
    assert cache_folder("mnist") == Path("/somewhere/datasets/mnist")
    monkeypatch.delenv("CVP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder("mnist") == Path("/xdg/cvp/datasets/mnist")
