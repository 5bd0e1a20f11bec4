"""The bridges' index files against the libraries that they describe, and their models against the libraries' own."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib import util
from importlib.metadata import version

import pytest
import torch
import torchvision
from torch import nn

import cvp_core
import cvp_timm
import cvp_torchvision
from cvp_core import ImageClassifier
from cvp_core.blank import without_memory
from cvp_core.errors import ConfigError, NotInstalledError
from cvp_core.foreign import ForeignClassifier, read_rows
from cvp_core.registry import find_model
from cvp_core.summary import on_meta, stage_table

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import timm

TORCHVISION = read_rows(cvp_torchvision.INDEX)
TIMM = read_rows(cvp_timm.INDEX)
SMALLEST = {row.family: row.name for row in sorted(TIMM.values(), key=lambda row: -row.macs)}


def test_index_has_every_classification_model_of_torchvision() -> None:
    assert sorted(TORCHVISION) == sorted(torchvision.models.list_models(module=torchvision.models))


@pytest.mark.skipif("1.0.31" not in version("timm"), reason="the index is of timm 1.0.31")
def test_index_has_every_classification_model_of_timm() -> None:
    encoders = {name for name in timm.list_models() if name.endswith("_enc")}
    assert sorted(TIMM) == sorted({*timm.list_models()} - encoders)
    with without_memory():
        assert not any(
            hasattr(timm.create_model(name), "get_classifier") for name in encoders - {"mobilenetv5_300m_enc"}
        )


def test_parameters_are_those_that_torchvision_publishes() -> None:
    published = {
        name: torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"]
        for name in TORCHVISION
        if name != "inception_v3"  # published with its auxiliary classifier
    }
    assert {name: TORCHVISION[name].parameters for name in published} == published


def test_macs_are_those_that_torchvision_publishes() -> None:
    for name, row in TORCHVISION.items():
        weights = torchvision.models.get_model_weights(name).DEFAULT
        assert row.macs / 1e9 == pytest.approx(weights.meta["_ops"], rel=0.02, abs=0.001), name


@pytest.mark.parametrize("family", sorted(SMALLEST)[::4])  # the survey built all; this finds what has changed
def test_costs_of_each_timm_family_are_those_of_the_model(family: str) -> None:
    claim = find_model(f"timm/{SMALLEST[family]}")
    size = claim.spec.input_size

    def look(model: ImageClassifier) -> None:
        assert not [key for key, _ in model.named_parameters() if not model.parts.part_of(key)]
        assert sum(value.numel() for value in model.net.parameters()) == claim.spec.parameters  # type: ignore[union-attr]
        rows = stage_table(model, size)
        assert sum(row.parameters for row in rows) == claim.spec.parameters
        assert sum(row.macs for row in rows) == claim.spec.macs

    on_meta(claim, 1000, size, look)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "swin_t", "vit_b_32", "googlenet"])
def test_logits_are_torchvisions(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torchvision.models.get_model(
            name, weights=None, num_classes=7, **({"aux_logits": False} if name == "googlenet" else {})
        )
    ours = cvp_core.create_model(f"torchvision/{name}", num_classes=7)
    state = cvp_core.convert_state_dict(f"torchvision/{name}", theirs.state_dict())
    ours.load_state_dict(state, strict=True)
    side = 224 if name == "vit_b_32" else 64
    images = torch.randn(2, 3, side, side)
    assert torch.equal(ours.eval()(images), theirs.eval()(images))


@pytest.mark.parametrize("name", ["dpn48b", "vit_tiny_patch16_224", "convnext_atto", "levit_128s"])
def test_logits_are_timms(name: str) -> None:
    theirs = timm.create_model(name, num_classes=7)
    ours = cvp_core.create_model(f"timm/{name}", num_classes=7)
    ours.load_state_dict(cvp_core.convert_state_dict(f"timm/{name}", theirs.state_dict(), "timm"), strict=True)
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(ours.eval()(images), theirs.eval()(images))


@pytest.mark.parametrize(
    "name, shape",
    [
        ("torchvision/resnet18", (2, 512, 2, 2)),
        ("torchvision/swin_t", (2, 768, 2, 2)),
        ("torchvision/densenet121", (2, 1024, 2, 2)),
        ("timm/efficientnet_b0", (2, 1280, 2, 2)),
        ("timm/swin_tiny_patch4_window7_224", (2, 768, 7, 7)),
        ("timm/vit_tiny_patch16_224", (2, 197, 192)),
    ],
)
@torch.no_grad()
def test_features_are_the_last_map_with_channels_second_or_tokens(name: str, shape: tuple[int, ...]) -> None:
    model = cvp_core.create_model(name).eval()
    side = 224 if "224" in name else 64
    assert model.forward_features(torch.randn(2, 3, side, side)).shape == shape


@pytest.mark.parametrize(
    "name", ["torchvision/vgg11", "torchvision/squeezenet1_1", "timm/deit_tiny_distilled_patch16_224"]
)
def test_head_swaps_in_every_classifier(name: str) -> None:
    model = cvp_core.create_model(name)
    before = set(model.state_dict())
    model.reset_head(3)
    assert set(model.state_dict()) == before
    assert model.num_classes() == 3
    assert model.eval()(torch.randn(1, 3, 224, 224)).shape == (1, 3)


def test_channels_and_sizes_reach_the_library() -> None:
    for name in ("torchvision/resnet18", "timm/resnet18"):
        model = cvp_core.create_model(name, in_channels=1).eval()
        assert model(torch.randn(1, 1, 64, 64)).shape == (1, 1000)
    assert (
        cvp_core.create_model("torchvision/vit_b_32", image_size=(64, 64)).eval()(torch.randn(1, 3, 64, 64)).ndim == 2
    )
    assert (
        cvp_core.create_model("timm/vit_tiny_patch16_224", image_size=(64, 96)).eval()(torch.randn(1, 3, 64, 96)).ndim
        == 2
    )
    with pytest.raises(ConfigError, match="square"):
        cvp_core.create_model("torchvision/vit_b_32", image_size=(64, 96))


def test_a_model_that_the_installed_library_lacks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, "is_model", lambda name: False)
    with pytest.raises(NotInstalledError, match="pip install -U timm"):
        cvp_core.create_model("timm/resnet18")


def test_without_timm_its_bridge_lists_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    monkeypatch.setattr(cvp_timm, "find_spec", lambda name: None)
    assert cvp_timm.cvp_models() == ()


def test_listing_imports_neither_library() -> None:
    code = (
        "import sys, cvp_core; names = [spec.name for spec in cvp_core.list_models()]; "
        "print(len(names), *[m for m in ('torch', 'torchvision', 'timm') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert int(answer[0]) > 1000
    assert answer[1:] == []


def test_a_part_that_the_network_lacks_is_named() -> None:
    parts = {"stem": (), "stages": (), "head": ("0",), "classifiers": ("1",), "features": "0"}
    with pytest.raises(ValueError, match="no '1'"):
        ForeignClassifier(nn.Sequential(nn.Linear(2, 2)), parts)
