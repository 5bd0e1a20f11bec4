"""Where weights are looked for: mirrors, the hub and its hashes, and pip packages."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fake_hub import serving

from cvp_core import WeightsSpec
from cvp_core.download import fetch
from cvp_core.errors import NotInstalledError, WeightsError
from cvp_core.weights.locate import addresses, carried_file, published_digest

TORCHVISION = WeightsSpec("V1", "https://download.pytorch.org/models/resnet50-0676ba61.pth", "0676ba61")
TIMM = WeightsSpec("A1", "hf://timm/resnet50.a1_in1k/model.safetensors")
RESOLVED = "/timm/resnet50.a1_in1k/resolve/main/model.safetensors"
DIGEST = hashlib.sha256(b"weights").hexdigest()


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CVP_WEIGHTS_MIRROR", "HF_ENDPOINT", "CVP_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_mirror_the_publisher_is_asked() -> None:
    assert addresses(TORCHVISION) == [TORCHVISION.url]
    assert addresses(TIMM) == [f"https://huggingface.co{RESOLVED}"]


def test_a_mirror_of_the_hub_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example/")
    assert addresses(TIMM) == [f"https://hub.example{RESOLVED}"]


def test_mirrors_stand_before_the_publisher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CVP_WEIGHTS_MIRROR", f"{tmp_path} https://mirror.example/w/")
    assert addresses(TORCHVISION) == [
        f"{tmp_path.as_uri()}/models/resnet50-0676ba61.pth",
        f"{tmp_path.as_uri()}/resnet50-0676ba61.pth",
        "https://mirror.example/w/models/resnet50-0676ba61.pth",
        "https://mirror.example/w/resnet50-0676ba61.pth",
        TORCHVISION.url,
    ]


def test_a_bare_name_that_many_files_have_is_not_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CVP_WEIGHTS_MIRROR", str(tmp_path))
    assert addresses(TIMM)[:-1] == [
        f"{tmp_path.as_uri()}{RESOLVED}",
        f"{tmp_path.as_uri()}/timm/resnet50.a1_in1k/model.safetensors",
    ]


def test_a_folder_is_a_mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "resnet50-0676ba61.pth").write_bytes(b"weights")
    monkeypatch.setenv("CVP_WEIGHTS_MIRROR", str(tmp_path / "mirror"))
    target = fetch(addresses(TORCHVISION), DIGEST, tmp_path / "cache" / "file.pth")
    assert target.read_bytes() == b"weights"


def test_the_hub_gives_the_hash_with_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.etags[RESOLVED] = DIGEST
        assert published_digest(TIMM) == DIGEST
        assert hub.requests == [("HEAD", RESOLVED)]


def test_a_renamed_repository_is_followed_on_the_same_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.moved[RESOLVED] = "/new/name"
        hub.etags["/new/name"] = DIGEST
        assert published_digest(TIMM) == DIGEST
        hub.moved[RESOLVED] = "http://localhost:9/new/name"
        assert published_digest(TIMM) is None
        hub.moved[RESOLVED] = RESOLVED
        assert published_digest(TIMM) is None


def test_without_a_hash_or_a_server_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert published_digest(TIMM) is None
        hub.etags[RESOLVED] = "short"
        assert published_digest(TIMM) is None
    assert published_digest(TIMM) is None  # nobody answers any more


def test_a_hash_that_is_known_or_offline_needs_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert published_digest(TORCHVISION) == "0676ba61"
        monkeypatch.setenv("CVP_OFFLINE", "1")
        assert published_digest(TIMM) is None
        assert hub.requests == []


def test_a_pip_package_carries_its_file_or_is_named() -> None:
    assert carried_file(WeightsSpec("X", "pypi:click/click/__init__.py")).is_file()
    with pytest.raises(WeightsError, match=r"the installed click has no click/x.pth"):
        carried_file(WeightsSpec("X", "pypi:click/click/x.pth"))
    with pytest.raises(NotInstalledError, match="pip install 'cvp-nowhere'"):
        carried_file(WeightsSpec("X", "pypi:cvp-nowhere/x.pth"))
