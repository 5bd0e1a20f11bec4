"""What the bridges list of published weights against torchvision's and timm's own words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import torchvision

import cvp_core
import cvp_timm
import cvp_torchvision
from cvp_core import WeightsSpec
from cvp_core.blank import without_memory
from cvp_core.foreign import read_rows
from cvp_core.targets import load_target
from cvp_core.weights import convert_state_dict
from cvp_core.weights.format import load_strictly

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import timm
    from timm.data import create_transform, resolve_data_config
    from timm.models import PretrainedCfg, get_arch_pretrained_cfgs

TORCHVISION = read_rows(cvp_torchvision.INDEX)
TIMM = read_rows(cvp_timm.INDEX)

# Keys as modules have them and as the published files do: densenet._load_state_dict, vision_transformer.MLPBlock.
WRITTEN_OTHERWISE = {
    "densenet121": [(f".{kind}{number}.", f".{kind}.{number}.") for kind in ("norm", "conv") for number in (1, 2)],
    "vit_b_32": [(".mlp.0.", ".mlp.linear_1."), (".mlp.3.", ".mlp.linear_2.")],
}

of_timm_1_0_31 = pytest.mark.skipif("1.0.31" not in version("timm"), reason="the index is of timm 1.0.31")


def of_torchvision() -> Iterator[tuple[str, WeightsSpec, torchvision.models.Weights]]:
    """(model, what is listed, what torchvision says) of all weights."""
    for name, row in TORCHVISION.items():
        theirs = torchvision.models.get_model_weights(name)
        yield from ((name, weights, theirs[weights.name]) for weights in row.weights)


def of_timm() -> Iterator[tuple[str, WeightsSpec, PretrainedCfg]]:
    """(model, what is listed, what timm says) of all weights."""
    for name, row in TIMM.items():
        tags = get_arch_pretrained_cfgs(name)
        yield from ((name, weights, tags[f"{name}.{weights.name}"]) for weights in row.weights)


def test_all_weights_of_torchvision_are_listed_its_default_first() -> None:
    for name, row in TORCHVISION.items():
        theirs = torchvision.models.get_model_weights(name)
        expected = {entry.name for entry in theirs} - {"IMAGENET1K_FEATURES"}  # VGG-16 without its classifier
        assert sorted(weights.name for weights in row.weights) == sorted(expected), name
        assert row.weights[0].name == theirs.DEFAULT.name


def test_addresses_and_accuracies_are_torchvisions() -> None:
    for name, weights, theirs in of_torchvision():
        assert weights.url == theirs.url
        assert len(weights.sha256) >= 8
        assert weights.url.endswith(f"-{weights.sha256}.pth"), name
        assert weights.classes == len(theirs.meta["categories"])
        assert {"acc@1": weights.top1, "acc@5": weights.top5} == theirs.meta["_metrics"]["ImageNet-1K"]


def test_pictures_are_prepared_as_torchvision_does_for_each_weights() -> None:
    for name, weights, theirs in of_torchvision():
        transform, ours = theirs.transforms(), weights.preprocess
        assert (ours.size, ours.resize) == ((*transform.crop_size, *transform.crop_size), *transform.resize_size)
        assert ours.interpolation == transform.interpolation.value
        if name not in ("googlenet", "inception_v3"):
            assert (list(ours.mean), list(ours.std)) == (transform.mean, transform.std)
            continue
        for ours_mean, ours_std, mean, std in zip(ours.mean, ours.std, transform.mean, transform.std, strict=True):
            for pixel in (0.0, 1.0):  # these networks go on by themselves: x * (std / 0.5) + (mean - 0.5) / 0.5
                expected = (pixel - mean) / std * (std / 0.5) + (mean - 0.5) / 0.5
                assert (pixel - ours_mean) / ours_std == pytest.approx(expected)


def test_weights_that_torchvision_gives_under_another_licence_say_so() -> None:
    others = {weights.url: weights.licence for _, weights, theirs in of_torchvision() if "license" in theirs.meta}
    assert set(others.values()) == {"CC-BY-NC-4.0"}  # github.com/facebookresearch/SWAG/blob/main/LICENSE
    assert {weights.licence for _, weights, _ in of_torchvision() if weights.url not in others} == {"BSD-3-Clause"}


@pytest.mark.parametrize("name", ["densenet121", "vit_b_32", "googlenet", "inception_v3"])
def test_torchvisions_bridge_takes_the_keys_of_published_files(name: str) -> None:
    """They have the auxiliary classifiers, and names from before the modules were rewritten."""
    with without_memory():
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        published = torchvision.models.get_model(name, weights=None, **options).state_dict()
        for today, then in WRITTEN_OTHERWISE.get(name, ()):
            assert any(today in key for key in published)
            published = {key.replace(today, then): tensor for key, tensor in published.items()}
        ours = cvp_core.create_model(f"torchvision/{name}")
        load_strictly(ours, convert_state_dict(f"torchvision/{name}", published), Path(name))


def test_timms_bridge_takes_inceptions_file_with_its_auxiliary_classifier() -> None:
    with without_memory():
        published = timm.create_model("inception_v3", aux_logits=True).state_dict()
        assert "AuxLogits.fc.weight" in published
        ours = cvp_core.create_model("timm/inception_v3")
        load_strictly(ours, convert_state_dict("timm/inception_v3", published, "timm"), Path("inception_v3"))


@of_timm_1_0_31
def test_every_tag_of_timm_that_ends_in_classes_of_imagenet_is_listed() -> None:
    listed = {f"{name}.{weights.name}" for name, weights, _ in of_timm()}
    counts = (1000, 11221, 11821, 21841, 21843)
    tags = {name: timm.get_pretrained_cfg(name) for name in timm.list_pretrained()}
    for name, tag in tags.items():
        if tag.num_classes in counts and (tag.hf_hub_id or not tag.custom_load):  # a loader is for files elsewhere
            assert name in listed
    assert listed <= set(tags)


@of_timm_1_0_31
def test_addresses_and_classes_are_timms() -> None:
    for name, weights, theirs in of_timm():
        if weights.url.startswith("hf://"):
            assert weights.url == f"hf://{theirs.hf_hub_id}/model.safetensors"
        else:
            assert not theirs.hf_hub_id
            assert weights.url == theirs.url
            assert weights.sha256 in weights.url
        assert weights.classes == theirs.num_classes, name


@of_timm_1_0_31
def test_timms_own_choice_comes_first() -> None:
    for name, row in TIMM.items():
        assert timm.get_pretrained_cfg(name).tag not in [weights.name for weights in row.weights[1:]]


@of_timm_1_0_31
def test_pictures_are_prepared_as_timm_does_for_each_tag() -> None:
    for name, weights, theirs in of_timm():
        config = resolve_data_config(pretrained_cfg=theirs.to_dict())
        scale, crop = create_transform(**config).transforms[:2]
        ours = weights.preprocess
        assert ours.size == tuple(config["input_size"][1:]) == tuple(crop.size), name
        if ours.resize is not None:
            assert ours.resize == max(scale.size, *ours.size), name  # timm puts a border around VOLO's smaller pictures
        else:
            assert config["crop_mode"] == "squash" or ours.size[0] != ours.size[1]
        assert ours.interpolation == scale.interpolation.value
        assert (ours.mean, ours.std) == (tuple(config["mean"]), tuple(config["std"]))


def test_classes_beyond_imagenets_thousand_have_names() -> None:
    targets = {(weights.labels, weights.classes) for row in TIMM.values() for weights in row.weights if weights.labels}
    assert len(targets) >= 4
    for target, classes in targets:
        names = load_target(target, "cvp-timm")()
        assert len(names) == classes
        assert "goldfish, Carassius auratus" in names
