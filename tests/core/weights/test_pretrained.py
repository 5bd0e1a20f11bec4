"""Published weights: brought once, verified, converted, and nothing half when something goes wrong."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from fake_hub import Hub, foonet_file, foonet_state, installed_foonet, serving
from fake_plugins import cvp

import cvp_core
from cvp_core import WeightsSpec
from cvp_core.errors import AmbiguousNameError, MachineError, PluginError, UnknownNameError, WeightsError
from cvp_core.registry import find_model, models
from cvp_core.weights import find_weights, pretrained
from cvp_core.weights.header import read_header
from cvp_core.weights.inventory import all_stored, find_named
from cvp_core.weights.pretrained import find_published, kept, published, pulled

CONTENT, DIGEST = foonet_file()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    tags = {"HUB_V2": DIGEST, "HUB_V1": "", "PART": DIGEST[:8], "WRONG": "0" * 64}
    with serving() as running:
        running.site = tmp_path_factory.mktemp("site")
        url = f"{running.url}/files/foo.pth"
        with installed_foonet(running.site, *((name, url, digest) for name, digest in tags.items())):
            yield running


@pytest.fixture
def hub(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """foonet.hub_v2 has its whole hash, foonet.hub_v1 none, foonet.part its beginning, foonet.wrong another's."""
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CVP_OFFLINE", raising=False)
    server.files = {"/files/foo.pth": CONTENT}
    server.requests.clear()
    return server


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_weights_are_pulled_once_and_answer_as_the_publishers(hub: Hub, tmp_path: Path) -> None:
    found = find_published("foonet.hub_v2")
    assert not found.is_here
    path = pulled(found)
    assert pulled(found) == path
    assert hub.delivered == ["/files/foo.pth"]
    assert files(tmp_path / "cache") == ["pretrained/cvp-foo/foonet.hub_v2.safetensors"]
    model = cvp_core.create_model("foonet", weights="pretrained").eval()
    state = foonet_state()
    images = torch.randn(2, 3, 8, 8)
    norm = [state[f"bn.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    features = torch.batch_norm(
        torch.conv2d(images, state["conv.weight"], state["conv.bias"], padding=1),
        norm[2], norm[3], norm[0], norm[1], False, 0.0, 1e-5, False,
    )  # fmt: skip
    expected = features.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    torch.testing.assert_close(model(images), expected)


def test_the_header_says_what_was_published(hub: Hub) -> None:
    header = read_header(pulled(find_published("foonet")))
    assert header.classes == ("ant", "bee", "cat")
    assert header.metrics == {"top1": 0.615}
    assert header.preprocess.size == (8, 8)
    assert header.parent == f"{hub.url}/files/foo.pth"
    assert header.training == {"source": "foolib", "sha256": DIGEST, "licence": "MIT"}


@pytest.mark.parametrize("tag", ["part", "hub_v1"])
def test_the_beginning_of_a_hash_or_none_is_enough(hub: Hub, tag: str) -> None:
    assert pulled(find_published(f"foonet.{tag}")).is_file()


def test_another_file_than_the_published_one_is_told_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=f"not the published one .hash {DIGEST}, expected 0000"):
        pulled(find_published("foonet.wrong"))
    assert files(tmp_path / "cache") == []


def test_killed_before_it_was_converted_the_next_try_needs_no_network(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_published("foonet.hub_v2")
    with monkeypatch.context() as patch:
        patch.setattr(pretrained, "_convert", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            pulled(found)
    assert not found.is_here
    hub.files.clear()
    assert pulled(found).is_file()
    assert files(tmp_path / "cache") == ["pretrained/cvp-foo/foonet.hub_v2.safetensors"]


def test_a_file_without_a_hash_that_does_not_fit_is_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    hub.files["/files/foo.pth"] = b"<html>please log in</html>"
    found = find_published("foonet.hub_v1")
    with pytest.raises(WeightsError, match=r"neither a .safetensors file nor a checkpoint"):
        pulled(found)
    assert files(tmp_path / "cache") == []
    hub.files["/files/foo.pth"] = CONTENT
    assert pulled(found).is_file()


def test_threads_and_processes_at_once_get_one_download(hub: Hub, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: pulled(find_published("foonet.hub_v1")), range(4)))
        assert len(paths) == len(hub.delivered) == 1
        environ = {"CVP_CACHE": str(tmp_path / "cache"), "path": hub.site}
        both = list(pool.map(lambda _: cvp("weights", "pull", "foonet.hub_v2", **environ), range(2)))
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    assert hub.delivered == ["/files/foo.pth"] * 2
    assert all("foonet.hub_v2.safetensors" in done.stdout for done in both)


def test_offline_it_says_how_to_get_the_file_by_hand(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVP_OFFLINE", "1")
    with pytest.raises(MachineError) as raised:
        pulled(find_published("foonet.hub_v2"))
    assert f"get {hub.url}/files/foo.pth" in str(raised.value)
    assert "cvp weights import foo.pth --model foonet.hub_v2" in str(raised.value)
    assert hub.requests == []


def test_a_file_from_elsewhere_is_kept_if_it_is_the_published_one(hub: Hub, tmp_path: Path) -> None:
    file = tmp_path / "foo.pth"
    file.write_bytes(foonet_file(seed=1)[0])
    found = find_published("foonet.hub_v2")
    with pytest.raises(WeightsError, match=f"not what is published as foonet.hub_v2 .* expected {DIGEST}"):
        kept(found, file)
    file.write_bytes(CONTENT)
    assert kept(found, file) == found.path == find_weights("foonet.hub_v2")
    assert hub.requests == []


@pytest.mark.parametrize(
    "typed, name",
    [
        ("foonet.HUB_v2", "foonet.hub_v2"),
        ("foonet", "foonet.hub_v2"),
        ("foo", "foonet.hub_v2"),
        ("cvp-foo/foonet.part", "foonet.part"),
    ],
)
def test_names_are_found_in_every_spelling(hub: Hub, typed: str, name: str) -> None:
    assert find_published(typed).name == name


@pytest.mark.parametrize(
    "typed, error, message",
    [
        (
            "foonet.hub_v3",
            UnknownNameError,
            "Did you mean 'hub_v2' or 'hub_v1'.* There are hub_v2, hub_v1, part, wrong",
        ),
        ("foonet_bare", WeightsError, "cvp weights import FILE --model foonet_bare"),
        ("foonett.hub_v2", UnknownNameError, "Did you mean 'foonet'"),
    ],
)
def test_names_that_nobody_publishes_say_what_there_is(
    hub: Hub, typed: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        find_published(typed)


def test_an_ambiguous_model_is_named_with_its_distribution(hub: Hub, tmp_path: Path) -> None:
    published_there = ("HUB_V2", f"{hub.url}/files/foo.pth", DIGEST)
    with installed_foonet(tmp_path / "site", published_there, distribution="cvp-bar"):
        names = [found.name for found in published("foonet")]
        assert {"cvp-bar/foonet.hub_v2", "cvp-foo/foonet.hub_v2"} <= set(names)
        with pytest.raises(AmbiguousNameError, match="'cvp-bar/foonet' or 'cvp-foo/foonet'"):
            find_weights("foonet.hub_v2")
        path = find_weights("cvp-bar/foonet.hub_v2")
        assert read_header(path).distribution == "cvp-bar"
        assert path.parent.name == "cvp-bar"


def test_names_of_classes_that_are_too_few_are_the_plugins_fault(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "load_target", lambda *_: lambda: ["one"])
    with pytest.raises(PluginError, match="gives 1 names, HUB_V2 has 3 classes"):
        pulled(find_published("foonet"))


def test_halves_become_the_networks_own_numbers(hub: Hub) -> None:
    content = io.BytesIO()
    torch.save({key: tensor.half() for key, tensor in foonet_state().items()}, content)
    hub.files["/files/foo.pth"] = content.getvalue()
    path = pulled(find_published("foonet.hub_v1"))
    model = cvp_core.create_model("foonet", weights=path)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert read_header(path).training["sha256"] == hashlib.sha256(content.getvalue()).hexdigest()


def test_a_bridges_weights_lie_below_its_librarys_name(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torchvision.models.squeezenet1_1(num_classes=1000).state_dict()
    (tmp_path / "mirror").mkdir()
    torch.save(state, tmp_path / "mirror" / "squeeze.pth")
    monkeypatch.setenv("CVP_WEIGHTS_MIRROR", str(tmp_path / "mirror"))
    claim = find_model("torchvision/squeezenet1_1")
    weights = WeightsSpec("FROM_MIRROR", "https://nowhere.example/models/squeeze.pth")
    other = replace(claim, spec=replace(claim.spec, weights=(weights,)))
    monkeypatch.setitem(models().claims, "torchvision/squeezenet1_1", [other])
    path = find_weights("torchvision/squeezenet1_1.from_mirror")
    assert path.relative_to(tmp_path / "cache" / "pretrained").as_posix() == (
        "cvp-torchvision/torchvision/squeezenet1_1.from_mirror.safetensors"
    )
    assert [entry.name for entry in all_stored()] == ["torchvision/squeezenet1_1.from_mirror"]
    assert find_named("torchvision/squeezenet1_1.FROM_mirror").path == path
    model = cvp_core.create_model("torchvision/squeezenet1_1", weights="pretrained")
    assert all(torch.equal(tensor, state[key.removeprefix("net.")]) for key, tensor in model.state_dict().items())
