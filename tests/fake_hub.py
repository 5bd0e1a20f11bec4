"""A server of weights and data sets on this machine, and a plugin whose weights it publishes."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from fake_plugins import install
from torch import Tensor

from cvp_core import registry

__all__ = ["Hub", "foonet_file", "foonet_state", "installed_foonet", "serving"]


@dataclass
class Hub:
    """files: content by path. etags: what a HEAD answers as X-Linked-Etag, with a redirect, as the hub does.

    moved: paths that are elsewhere now. cuts: after how many bytes an answer ends, once. requests: what was asked for,
    in order, and `ranges` from which byte on. token: without it nothing is given. site: where its plugin is installed.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)
    token: str = ""
    ranges: list[str | None] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    site: Path = Path()

    def publish(self, name: str, files: dict[str, bytes], revision: str = "main", **card: object) -> str:
        """A data set's repository, as huggingface_hub asks for it; the commit. card: what is in front of its README."""
        listing = json.dumps([sorted(files), revision, card]).encode()
        commit = hashlib.sha1(listing, usedforsecurity=False).hexdigest()
        siblings = [
            {
                "rfilename": path,
                "size": len(content),
                "blobId": "0" * 40,
                "lfs": {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 130},
            }
            for path, content in files.items()
        ]
        document = {"id": name, "sha": commit, "siblings": siblings, "cardData": card}
        at = urllib.parse.quote(revision, safe="")
        self.files[f"/api/datasets/{name}/revision/{at}"] = json.dumps(document).encode()
        for path, content in files.items():
            self.files[f"/datasets/{name}/resolve/{commit}/{urllib.parse.quote(path)}"] = content
        return commit

    @property
    def delivered(self) -> list[str]:
        return [path for method, path in self.requests if method == "GET"]


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            hub.requests.append(("HEAD", self.path))
            if self.path in hub.moved:
                self.send_response(307)
                self.send_header("Location", hub.moved[self.path])
            else:
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                if self.path in hub.etags:
                    self.send_header("X-Linked-Etag", f'"{hub.etags[self.path]}"')
            self.end_headers()

        def do_GET(self) -> None:
            hub.requests.append(("GET", self.path))
            hub.ranges.append(self.headers.get("Range"))
            if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self.send_error(401)
                return
            content = hub.files.get(self.path.partition("?")[0])
            start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
            if content is None:
                self.send_error(404)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            self.wfile.write(content[start : hub.cuts.pop(self.path, None)])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        hub.url = f"http://127.0.0.1:{running.server_port}"
        try:
            yield hub
        finally:
            running.shutdown()
            thread.join()


_FOONET = """
from cvp_core import ModelSpec, Preprocess, WeightsSpec, hookimpl
CVP_API = 1
SMALL = Preprocess(size=(8, 8), resize=None)

@hookimpl
def cvp_models():
    published = [
        WeightsSpec(name, url, digest, source="foolib", licence="MIT", classes=3, top1=61.5, preprocess=SMALL,
                    labels=__name__ + ":labels")
        for name, url, digest in {published!r}
    ]
    return [
        ModelSpec("foonet", "foo", __name__ + ":build", input_size=(3, 8, 8), preprocess=SMALL, parameters=135,
                  macs=0, num_classes=3, min_size=2, default=True, converter=__name__ + ":convert",
                  layouts={{"foolib": "foo"}}, weights=tuple(published)),
        ModelSpec("foonet_bare", "foo", __name__ + ":build", input_size=(3, 8, 8), preprocess=SMALL, parameters=135,
                  macs=0, num_classes=3, min_size=2),
    ]

def labels():
    return ("ant", "bee", "cat")

def build(num_classes, input_size):
    from torch import nn
    from cvp_core import ImageClassifier
    from cvp_core.blocks import PoolHead
    stage = nn.Sequential(nn.Conv2d(input_size[0], 4, 3, padding=1), nn.BatchNorm2d(4))
    return ImageClassifier(nn.Identity(), stage, PoolHead(4, num_classes))

def convert(state_dict, source):
    from cvp_core.weights import rename_keys
    return rename_keys(state_dict, [("conv[.]", "stages.0."), ("bn[.]", "stages.1."), ("fc[.]", "head.classifier.")])
"""


@contextmanager
def installed_foonet(folder: Path, *published: tuple[str, str, str], distribution: str = "cvp-foo") -> Iterator[None]:
    """A plugin with the model foonet and its weights, each a (name, url, sha256)."""
    install(folder, distribution, _FOONET.format(published=published))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        registry.rediscover()
        yield
    sys.modules.pop(distribution.replace("-", "_"), None)
    registry.rediscover()


def foonet_state(seed: int = 0) -> dict[str, Tensor]:
    """Such as foolib writes: without the counter of its batch norm, as files of 2017."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"conv.weight": (4, 3, 3, 3), "conv.bias": (4,), "fc.weight": (3, 4), "fc.bias": (3,)}
    state = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    norms = ("weight", "bias", "running_mean", "running_var")
    return state | {f"bn.{name}": torch.rand(4, generator=generator) + 0.5 for name in norms}


def foonet_file(seed: int = 0) -> tuple[bytes, str]:
    """A .pth of foonet and its SHA-256."""
    content = io.BytesIO()
    torch.save(foonet_state(seed), content)
    return content.getvalue(), hashlib.sha256(content.getvalue()).hexdigest()
