"""What is shown of a network: filters, feature maps and evidence over its pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cvp_core
from cvp_core.data.preprocess import resize_and_crop
from cvp_core.explain import feature_maps, filter_page, first_filters
from cvp_core.explain.answers import as_seen
from cvp_core.explain.pages import overlay
from cvp_core.spec import Preprocess


def test_the_first_filters_are_the_first_layers_weights() -> None:
    model = cvp_core.create_model("densenet_40_12")
    weight = next(module for module in model.modules() if isinstance(module, nn.Conv2d)).weight
    np.testing.assert_array_equal(first_filters(model), weight.detach().numpy().transpose(0, 2, 3, 1))
    linear = cvp_core.create_model("linear")
    expected = linear.head.classifier.weight.detach().numpy().reshape(10, 28, 28, 1)
    np.testing.assert_array_equal(first_filters(linear), expected)


def test_the_feature_maps_are_those_of_stem_and_stages() -> None:
    model = cvp_core.create_model("densenet_40_12").eval()
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    found = feature_maps(model, images)
    assert list(found) == ["stem", *(f"stages.{index}" for index in range(len(model.stages)))]
    with torch.no_grad():
        x = model.stem(images)
        np.testing.assert_allclose(found["stem"], x[0].numpy())
        np.testing.assert_allclose(found[list(found)[-1]], model.stages(x)[0].numpy(), atol=1e-6)


def test_evidence_colours_the_picture_and_none_leaves_it_grey() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    heat = np.zeros((10, 15), np.float32)
    grey = np.repeat(picture.mean(axis=2, keepdims=True).round().astype(np.uint8), 3, axis=2)
    np.testing.assert_array_equal(overlay(picture, heat), grey)
    heat[:, 10:] = 1
    found = overlay(picture, heat).astype(int)
    np.testing.assert_array_equal(found[:, :15], grey[:, :15])
    assert (found[:, 25:, 0] - found[:, 25:, 2]).min() > 30  # turbo ends in red


def test_each_filter_is_drawn_in_its_own_range_without_blur() -> None:
    filters = np.random.default_rng(0).normal(size=(4, 7, 7, 3)) * np.array([1, 10, 0.1, 0])[:, None, None, None]
    page = np.asarray(filter_page(filters, "title"))
    tiles = [page[56 : 56 + 56, 12 + 60 * index :][:, :56] for index in range(4)]
    for tile in tiles[:3]:
        assert (tile.min(), tile.max()) == (0, 255)
        np.testing.assert_array_equal(tile, tile[::8, ::8].repeat(8, axis=0).repeat(8, axis=1))
    assert (tiles[3] == 128).all()


@pytest.mark.parametrize("resize", [40, None])
def test_a_picture_is_shown_as_the_model_sees_it_but_sharper(resize: int | None) -> None:
    y, x = np.mgrid[0:300, 0:400]
    picture = Image.fromarray(np.stack([x * 255 // 400, y * 255 // 300, (x + y) % 256], axis=2).astype(np.uint8))
    preprocess = Preprocess((32, 32), resize)
    shown = as_seen(picture, preprocess)
    assert shown.shape == (256, 256, 3)
    means = shown.reshape(32, 8, 32, 8, 3).mean(axis=(1, 3))
    assert np.abs(means - resize_and_crop(picture, preprocess))[..., :2].mean() < 1.5
