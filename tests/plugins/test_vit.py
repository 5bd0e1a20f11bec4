"""The Vision Transformer against torchvision's published counts and torchvision's and timm's logits."""

from __future__ import annotations

import pytest
import torch
import torchvision
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.errors import WeightsError
from cvp_core.registry import find_model
from cvp_core.summary import blank_model, count_macs, count_parameters

# torchvision.models.ViT_*_Weights.IMAGENET1K_V1: meta["num_params"], and meta["_ops"] in billions.
PUBLISHED = {
    "vit_b_16": (86_567_656, 17.564),
    "vit_b_32": (88_224_232, 4.409),
    "vit_l_16": (304_326_632, 61.555),
}
TIMM = {"vit_b_16": "vit_base_patch16_224", "vit_b_32": "vit_base_patch32_224", "vit_l_16": "vit_large_patch16_224"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_costs_are_those_that_torchvision_publishes(name: str) -> None:
    parameters, billions = PUBLISHED[name]
    assert count_parameters(blank(name)) == parameters
    assert cvp_core.get_spec(name).macs / 1e9 == pytest.approx(billions, abs=0.001)


def test_attentions_products_are_counted_on_every_device() -> None:
    size = (3, 96, 96)
    model = blank_model(find_model("vit_b_32"), 1000, size)
    blank = count_macs(model, size)
    on_cpu = count_macs(model.to_empty(device="cpu"), size)
    tokens, width = 1 + 9, 768
    linear = 4 * width * width + 2 * width * 3072  # query, key, value and projection; MLP
    scores = 2 * tokens * width  # each token with each other: scores, then their product with the values
    assert blank == on_cpu == 9 * (3 * 32 * 32) * width + 12 * tokens * (linear + scores) + width * 1000


@pytest.mark.parametrize("name, side", [("vit_b_16", 64), ("vit_b_16", 224), ("vit_b_32", 64), ("vit_l_16", 64)])
def test_logits_equal_torchvisions(name: str, side: int) -> None:
    assert_equal_logits(*twins(name, side=side, image_size=side), side)


@pytest.mark.parametrize("name", TIMM)
def test_logits_equal_timms(name: str) -> None:
    assert_equal_logits(*twins(name, "timm", TIMM[name], side=64, img_size=64), 64)


def test_keys_of_the_published_files_are_understood() -> None:
    with without_memory():
        state = torchvision.models.vit_b_16().state_dict()
    old = {key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): state[key] for key in state}
    assert cvp_core.convert_state_dict("vit_b_16", old).keys() == blank("vit_b_16").state_dict().keys()


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict("vit_b_16", {"layer1.0.conv1.weight": torch.zeros(1)})


@pytest.mark.parametrize("name, layers", [("vit_b_16", 12), ("vit_l_16", 24)])
def test_each_encoder_block_is_a_stage_that_can_be_frozen(name: str, layers: int) -> None:
    assert len(blank(name).stages) == layers


def test_a_remainder_that_fills_no_patch_is_cut_off() -> None:
    model = blank_model(find_model("vit_b_16"), 1000, (3, 47, 70))
    tokens = model.forward_features(torch.empty(2, 3, 47, 70, device="meta"))
    assert tokens.shape == (2, 1 + 2 * 4, 768)


def test_without_positions_the_order_of_the_patches_does_not_matter() -> None:
    model = cvp_core.create_model("vit_b_32", image_size=(96, 96)).eval()
    with torch.no_grad():
        tokens = model.stem(torch.randn(2, 3, 96, 96)) - model.stem.position
        shuffled = torch.cat([tokens[:, :1], tokens[:, 1:][:, torch.randperm(9)]], dim=1)
        expected = model.head(model.stages(tokens))
        torch.testing.assert_close(model.head(model.stages(shuffled)), expected, rtol=0, atol=1e-5)
