"""The Hugging Face hub, played by a server on this machine that huggingface_hub itself talks to."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi

import cvp_core
from cvp_core.errors import MachineError, NotInstalledError, OutputError, UserError, WeightsError
from cvp_core.weights.hub import pulled_from_hub, push_to_hub, repository_of
from cvp_core.weights.push import Package, pack

TOKEN = "hf_not_to_be_shown"


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's interface as a commit of small files and a download need."""

    repositories: dict[str, dict[str, bytes]]
    private: set[str]
    refuses: int  # a status for every commit, 0 for none
    lies: bool  # about the hash

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        repository = "/".join(path.split("/")[3:5])
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in self.repositories:
                self.answer({"url": f"{self.endpoint()}/{name}", "error": "You already created this model repo"}, 409)
                return
            self.repositories[name] = {}
            if asked.get("private") or asked.get("visibility") == "private":
                self.private.add(name)
            self.answer({"url": f"{self.endpoint()}/{name}"})
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            self.answer({"files": files})
        elif "/commit/" in path and self.refuses:
            self.answer({"error": "the token has no right to write"}, self.refuses)
        elif "/commit/" in path:
            for line in body.decode().splitlines():
                part = json.loads(line)
                if part["key"] == "file":
                    content = base64.b64decode(part["value"]["content"])
                    self.repositories[repository][part["value"]["path"]] = content
            self.answer({"commitUrl": f"{self.endpoint()}/{repository}/commit/1", "commitOid": "1", "success": True})
        else:
            self.answer({"error": path}, 404)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            repository, rest = "/".join(path.split("/")[3:5]), path.split("/")[5:]
            files = self.repositories.get(repository, {})
            if rest[:1] == ["tree"]:
                tree = [{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in files.items()]
                self.answer(tree)
                return
            siblings = [{"rfilename": name} for name in files]
            self.answer(
                {"id": repository, "sha": "1" * 40, "private": repository in self.private, "siblings": siblings}
            )
            return
        owner, name, *_, file = path.strip("/").split("/")
        content = self.repositories.get(f"{owner}/{name}", {}).get(file)
        if f"{owner}/{name}" in self.private and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer({"error": "Invalid username or password."}, 401)
            return
        if content is None:
            self.answer({"error": "Entry not found"}, 404)
            return
        tag = hashlib.sha256(content[::-1] if self.lies else content).hexdigest()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Linked-Etag", f'"{tag}"')
        self.send_header("ETag", f'"{tag}"')
        self.send_header("X-Repo-Commit", "1" * 40)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def endpoint(self) -> str:
        return f"http://{self.headers['Host']}"

    def answer(self, document: object, status: int = 200) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HfApi]:
    Hub.repositories, Hub.private, Hub.refuses, Hub.lies = {}, set(), 0, False
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CVP_WEIGHTS_MIRROR", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{running.server_port}"
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield HfApi(endpoint=address, token=TOKEN)
        running.shutdown()
        thread.join()


@pytest.fixture
def package(tmp_path: Path) -> Package:
    torch.manual_seed(0)
    path = tmp_path / "shop.safetensors"
    cvp_core.save(path, cvp_core.create_model("lenet"), classes=list("0123456789"), metrics={"top1": 0.5})
    return pack(path, "hf://me/shop")


def test_a_push_is_one_commit_and_can_be_pulled_by_its_address(hub: HfApi, package: Package) -> None:
    assert push_to_hub(package, "me/shop", api=hub) == f"{hub.endpoint}/me/shop/commit/1"
    assert Hub.repositories["me/shop"] == package.files
    assert "me/shop" not in Hub.private
    for address in ("hf://me/shop", "hf://me/shop/model.safetensors"):
        path = pulled_from_hub(address)
        assert path.read_bytes() == package.files["model.safetensors"]
    Hub.repositories.clear()  # it is here now
    assert cvp_core.load(pulled_from_hub("hf://me/shop")).classes == tuple("0123456789")


def test_a_new_repository_is_private_when_asked(hub: HfApi, package: Package) -> None:
    push_to_hub(package, "me/shop", is_private=True, api=hub)
    assert Hub.private == {"me/shop"}


def test_a_private_repository_opens_to_the_login_alone(
    hub: HfApi, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_to_hub(package, "me/shop", is_private=True, api=hub)
    monkeypatch.setenv("HF_TOKEN", "of somebody else")
    with pytest.raises(MachineError, match=r"answers 401 .*private repository needs"):
        pulled_from_hub("hf://me/shop")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert pulled_from_hub("hf://me/shop").read_bytes() == package.files["model.safetensors"]


def test_what_should_be_private_is_never_put_where_all_can_read_it(hub: HfApi, package: Package) -> None:
    Hub.repositories["me/shop"] = {}
    with pytest.raises(OutputError, match=r"me/shop exists and is public; make it private"):
        push_to_hub(package, "me/shop", is_private=True, api=hub)
    assert Hub.repositories["me/shop"] == {}


def test_a_second_push_replaces_the_first(hub: HfApi, package: Package) -> None:
    push_to_hub(package, "me/shop", api=hub)
    Hub.repositories["me/shop"]["LICENSE"] = b"mine"
    Hub.repositories["me/shop"]["README.md"] = b"old"
    push_to_hub(package, "me/shop", api=hub)
    assert Hub.repositories["me/shop"] == {**package.files, "LICENSE": b"mine"}


@pytest.mark.parametrize("theirs", [{"config.json": b'{"model_type": "vit"}'}, {"model.safetensors": b"..."}])
def test_another_librarys_model_is_not_replaced(theirs: dict[str, bytes], hub: HfApi, package: Package) -> None:
    Hub.repositories["me/shop"] = dict(theirs)
    with pytest.raises(OutputError, match="a model that cvp did not push"):
        push_to_hub(package, "me/shop", api=hub)
    assert Hub.repositories["me/shop"] == theirs


@pytest.mark.parametrize("status, kind", [(401, UserError), (403, UserError), (500, MachineError)])
def test_a_refusal_is_one_line_without_the_token(
    status: int, kind: type[Exception], hub: HfApi, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # between its tries
    Hub.refuses = status
    with pytest.raises(kind) as caught:
        push_to_hub(package, "me/shop", api=hub)
    assert "no right to write" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_hub_that_does_not_answer_is_the_machines_fault(package: Package) -> None:
    nobody = HfApi(endpoint="http://127.0.0.1:9", token=TOKEN)
    with pytest.raises(MachineError, match="cannot push to me/shop"):
        push_to_hub(package, "me/shop", api=nobody)


def test_a_name_that_the_hub_cannot_have_is_the_users_mistake(hub: HfApi, package: Package) -> None:
    with pytest.raises(UserError, match="does not take"):
        push_to_hub(package, "me/shop--", api=hub)


def test_without_the_library_or_a_login_the_way_is_told(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UserError, match=r"nobody is logged in .*hf auth login"):
        push_to_hub(package, "me/shop")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'cvp-core\[hub\]'"):
        push_to_hub(package, "me/shop")


def test_another_file_than_the_published_one_is_not_kept(hub: HfApi, package: Package, tmp_path: Path) -> None:
    push_to_hub(package, "me/shop", api=hub)
    Hub.lies = True
    with pytest.raises(MachineError, match="not the published one"):
        pulled_from_hub("hf://me/shop")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.suffix == ".safetensors"] == []


def test_weights_of_others_are_refused_and_not_kept(hub: HfApi, tmp_path: Path) -> None:
    from safetensors.torch import save

    Hub.repositories["me/other"] = {"model.safetensors": save({"w": torch.zeros(3)})}
    with pytest.raises(WeightsError, match=r"^hf://me/other was not written by cvp.*cvp weights import"):
        pulled_from_hub("hf://me/other")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "address", ["hf://me", "hf://me/", "hf://me/a/b/../../c", "hf://me/a//etc/passwd", "hf://../a/b"]
)
def test_what_is_no_address_is_told_before_anything_is_asked(address: str) -> None:
    with pytest.raises(WeightsError, match=r"expected hf://OWNER/REPO"):
        repository_of(address)


def test_a_repository_alone_stands_for_its_model() -> None:
    assert repository_of("hf://me/shop") == ("me/shop", "model.safetensors")
    assert repository_of("hf://me/shop/a/b.safetensors") == ("me/shop", "a/b.safetensors")
