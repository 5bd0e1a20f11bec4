"""Foreign checkpoints into the store: whose keys they have is found, and what does not fit is told by the nearest."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torchvision
from fake_hub import foonet_file, foonet_state, installed_foonet
from safetensors.torch import save_file

import cvp_core
from cvp_core import registry
from cvp_core.errors import ConfigError, WeightsError
from cvp_core.weights import find_weights
from cvp_core.weights.header import read_header
from cvp_core.weights.importing import class_list, import_weights

CONTENT, DIGEST = foonet_file()


@pytest.fixture(scope="module")
def _foonet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed_foonet(tmp_path_factory.mktemp("site"), ("HUB_V2", "http://127.0.0.1:9/foo.pth", DIGEST)):
        yield


@pytest.fixture
def foo(_foonet: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of foonet, whose published weights have the same hash."""
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "foo-pets.pth"
    path.write_bytes(CONTENT)
    return path


def written(path: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save(state, path)
    return path


def test_a_checkpoint_becomes_stored_weights(foo: Path) -> None:
    found = import_weights(foo, "foonet", classes=["x", "y", "z"])
    assert found.layout == "foolib"
    assert found.name == "foo-pets"
    assert find_weights("foo-pets") == found.path
    header = read_header(found.path)
    assert header.classes == ("x", "y", "z")
    assert header.parent == "foo-pets.pth"
    assert header.training == {"source": "foolib", "sha256": DIGEST}
    model = cvp_core.create_model("foonet", weights="foo-pets")
    assert torch.equal(model.head.classifier.weight, foonet_state()["fc.weight"])
    assert [path.name for path in found.path.parent.iterdir()] == ["foo-pets.safetensors"]


def test_classes_and_channels_are_those_of_the_file(foo: Path) -> None:
    state = foonet_state()
    state |= {"fc.weight": torch.ones(7, 4), "fc.bias": torch.ones(7), "conv.weight": torch.ones(4, 1, 3, 3)}
    found = import_weights(written(foo, state), "foonet", name="grey")
    assert found.header.classes == tuple(f"class {index}" for index in range(7))
    assert found.header.input_size == (1, 8, 8)
    assert found.header.preprocess.mean == (0.5,)
    assert found.notes == ("the 7 classes have numbers; --classes gives them names",)
    assert cvp_core.create_model("foonet", weights="grey")(torch.zeros(2, 1, 8, 8)).shape == (2, 7)


def test_a_thousand_classes_are_taken_for_imagenets(foo: Path) -> None:
    state = foonet_state() | {"fc.weight": torch.ones(1000, 4), "fc.bias": torch.ones(1000)}
    found = import_weights(written(foo, state), "foonet", name="big")
    assert found.header.classes[0] == "tench"
    assert "taken for ImageNet's" in found.notes[0]


def test_a_file_with_the_published_hash_is_the_published_one(foo: Path) -> None:
    found = import_weights(foo, "foonet")
    assert found.name == "foonet.hub_v2"
    assert found.header.classes == ("ant", "bee", "cat")
    assert find_weights("foonet.hub_v2") == found.path


def test_what_is_said_to_be_published_is_held_against_its_hash(foo: Path) -> None:
    assert import_weights(foo, "foonet.hub_v2").name == "foonet.hub_v2"
    foo.write_bytes(foonet_file(seed=1)[0])
    with pytest.raises(WeightsError, match=r"not what is published as foonet.hub_v2"):
        import_weights(foo, "foonet.hub_v2")


def test_our_own_keys_and_our_own_files_are_taken(foo: Path, tmp_path: Path) -> None:
    model = cvp_core.create_model("foonet")
    assert import_weights(written(foo, model.state_dict()), "foonet", name="keys").layout == "cvp"
    ours = tmp_path / "colleague.safetensors"
    cvp_core.save(ours, model, classes=["a", "b", "c"], metrics={"top1": 0.5}, parent="older")
    found = import_weights(ours, "foonet")
    assert (found.header.classes, found.header.metrics, found.header.parent) == (
        ("a", "b", "c"),
        {"top1": 0.5},
        "older",
    )
    with pytest.raises(WeightsError, match=r"holds foonet of cvp-foo, not lenet"):
        import_weights(ours, "lenet", name="other")


def test_the_error_is_that_of_the_nearest_layout(foo: Path) -> None:
    state = foonet_state()
    with pytest.raises(WeightsError, match=r"cvp, foolib, torchvision, timm; nearest is foolib: 1 keys .*: criterion"):
        import_weights(written(foo, {**state, "criterion": torch.ones(1)}), "foonet", name="x")
    lost = {key: tensor for key, tensor in state.items() if key != "conv.bias"}
    with pytest.raises(WeightsError, match=r"nearest is foolib: missing \(1\): stages.0.bias"):
        import_weights(written(foo, lost), "foonet", name="x")
    wide = {**state, "conv.weight": torch.ones(9, 3, 3, 3)}
    with pytest.raises(WeightsError, match=r"stages.0.weight 9x3x3x3 instead of 4x3x3x3"):
        import_weights(written(foo, wide), "foonet", name="x")


def test_a_layout_of_which_no_twin_is_known_is_noted(foo: Path) -> None:
    spec = registry.get_spec("foonet")
    assert "torchvision" not in spec.layouts
    claims = registry.models().claims["foonet"]
    import dataclasses

    other = dataclasses.replace(claims[0], spec=dataclasses.replace(spec, layouts={"otherlib": "foo"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.models().claims, "foonet", [other])
        patch.setattr("cvp_core.weights.importing.convert_for", refusing("otherlib"))
        found = import_weights(foo, "foonet", name="noted")
    assert found.layout == "torchvision"
    assert "evaluate it" in found.notes[0]


def refusing(layout: str):
    from cvp_core.weights.convert import convert_for

    def convert(claim, state, source):
        if source == layout:
            raise KeyError("no such block")
        return convert_for(claim, state, source)

    return convert


def test_values_that_are_not_finite_are_refused_by_name(foo: Path) -> None:
    state = foonet_state()
    state["bn.running_var"][1] = float("nan")
    with pytest.raises(WeightsError, match=r"not finite, in 'stages.1.running_var'"):
        import_weights(written(foo, state), "foonet", name="x")


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "..", ".hidden", "/tmp/x", "x.safetensors", "a" * 200, "a\nb", "~x"]
)
def test_a_name_that_is_a_path_is_refused(foo: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of stored weights"):
        import_weights(foo, "foonet", name=name)
    assert not (foo.parent / "weights").exists()


def test_weights_of_that_name_are_not_replaced_unasked(foo: Path) -> None:
    path = import_weights(foo, "foonet", name="mine").path
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="--overwrite replaces it"):
        import_weights(foo, "foonet", name="mine", classes=["x", "y", "z"])
    assert path.read_bytes() == before
    import_weights(foo, "foonet", name="mine", classes=["x", "y", "z"], overwrite=True)
    assert read_header(path).classes == ("x", "y", "z")


def test_class_names_must_fit_the_outputs(foo: Path) -> None:
    with pytest.raises(WeightsError, match="2 class names for a network with 3 outputs"):
        import_weights(foo, "foonet", classes=["x", "y"])
    with pytest.raises(ConfigError, match="class 1 has no name"):
        import_weights(foo, "foonet", classes=["x", "", "z"])


def test_class_names_come_from_a_file_or_a_list(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("Bananaquit\nBlack Skimmer\n\n", encoding="utf-8")
    assert class_list(str(tmp_path / "names.txt")) == ["Bananaquit", "Black Skimmer"]
    assert class_list("a, b,c") == ["a", "b", "c"]
    assert class_list("") == []
    with pytest.raises(ConfigError, match=r"no file nowhere.txt"):
        class_list("nowhere.txt")
    (tmp_path / "bytes.bin").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read as a list"):
        class_list(str(tmp_path / "bytes.bin"))


def test_a_safetensors_file_of_torchvision_fits_the_network_of_the_same_name(tmp_path: Path) -> None:
    theirs = torchvision.models.squeezenet1_1(num_classes=5).eval()
    save_file(theirs.state_dict(), tmp_path / "x.safetensors")
    found = import_weights(tmp_path / "x.safetensors", "squeezenet1_1")
    assert found.layout == "torchvision"
    ours = cvp_core.create_model("squeezenet1_1", weights=found.path).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_a_hostile_file_is_refused_before_anything_is_written(foo: Path) -> None:
    content = io.BytesIO()
    torch.save({"w": torch.zeros(1).expand(1 << 40)}, content)
    foo.write_bytes(content.getvalue())
    with pytest.raises(WeightsError, match="claim"):
        import_weights(foo, "foonet", name="x")
    assert not (foo.parent / "weights").exists()
