"""GoogLeNet and Inception v3 against their papers' tables and the logits of torchvision and timm."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from twins import assert_equal_logits, blank, ours_like, theirs

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.errors import WeightsError
from cvp_core.spec import IMAGENET_MEAN, IMAGENET_STD
from cvp_core.summary import count_parameters

# torchvision.models.*_Weights, meta["num_params"] (of Inception v3 with the auxiliary classifier) and meta["min_size"].
PUBLISHED = {"googlenet": (6_624_904, 15), "inception_v3": (27_161_264, 75)}
AUXILIARY = {"googlenet": 0, "inception_v3": 3_326_696}

TWINS = [("googlenet", "torchvision"), ("inception_v3", "torchvision"), ("inception_v3", "timm")]


def torchvisions(name: str, **settings: bool) -> nn.Module:
    """With its auxiliary classifiers, which ours leaves out."""
    return theirs(name, least=80, init_weights=False, aux_logits=True, **settings)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_smallest_side_are_those_that_torchvision_publishes(name: str) -> None:
    parameters = count_parameters(blank(name)) + AUXILIARY[name]
    assert (parameters, cvp_core.get_spec(name).min_size) == PUBLISHED[name]


def test_the_auxiliary_classifier_of_torchvision_is_the_difference() -> None:
    with without_memory():
        auxiliary = torchvision.models.inception_v3(init_weights=False).AuxLogits
    assert count_parameters(auxiliary) == AUXILIARY["inception_v3"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_one_pixel_less_than_the_smallest_side_leaves_nothing_to_read(name: str) -> None:
    model = cvp_core.create_model(name).eval()
    side = cvp_core.get_spec(name).min_size
    with torch.no_grad():
        assert model.forward_features(torch.randn(2, 3, side, side)).shape[2:] == (1, 1)
        with pytest.raises(RuntimeError, match=r"too small|greater than actual input"):
            model(torch.randn(2, 3, side - 1, side - 1))


@pytest.mark.parametrize("name, source", TWINS)
def test_logits_equal_those_of_the_source(name: str, source: str) -> None:
    model = torchvisions(name) if source == "torchvision" else theirs(name, source, least=80)
    assert_equal_logits(ours_like(model, name, source), model, 96, cvp_core.get_spec(name).input_size[1])


@pytest.mark.parametrize("name", PUBLISHED)
def test_our_preprocess_is_torchvisions_with_its_transform_of_the_input(name: str) -> None:
    model = torchvisions(name, transform_input=True)
    ours = ours_like(model, name)
    pixels = torch.rand(2, 3, 96, 96)  # in the 0..1 range of Preprocess
    preprocess = cvp_core.get_spec(name).preprocess

    def normalised(mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
        return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)

    with torch.no_grad():
        expected = model(normalised(IMAGENET_MEAN, IMAGENET_STD))
        torch.testing.assert_close(
            ours(normalised(preprocess.mean, preprocess.std)),
            expected,
            rtol=1e-4,  # the same arithmetic, rounded in another order
            atol=1e-4 * expected.abs().max().item(),
        )


# Output size of the stem and the modules in the tables 1 of arXiv:1409.4842 and arXiv:1512.00567.
SIZES = {
    "googlenet": [[(192, 28)], [(256, 28), (480, 28)], [(512, 14)] * 3 + [(528, 14), (832, 14)], [(832, 7), (1024, 7)]],
    "inception_v3": [
        [(192, 35)],
        [(256, 35), (288, 35), (288, 35)],
        [(768, 17)] * 5,
        [(1280, 8), (2048, 8), (2048, 8)],
    ],
}


@pytest.mark.parametrize("name", SIZES)
def test_the_modules_give_the_sizes_of_table_1(name: str) -> None:
    model = blank(name)
    side = cvp_core.get_spec(name).input_size[1]
    x = model.stem(torch.zeros(1, 3, side, side, device="meta"))
    found = [[(x.shape[1], x.shape[2])]]
    for stage in model.stages:
        x = stage.pool(x) if hasattr(stage, "pool") else x
        sizes = []
        for module in stage.layers:
            x = module(x)
            sizes.append((x.shape[1], x.shape[2]))
        found.append(sizes)
    assert found == SIZES[name]


def test_the_longest_way_through_googlenet_has_the_22_layers_of_the_paper() -> None:
    """Sec. 5 of arXiv:1409.4842 counts the layers with parameters."""

    def longest(module: nn.Module) -> int:
        if isinstance(module, nn.Conv2d | nn.Linear):
            return 1
        lengths = [longest(child) for child in module.children()]
        return max(lengths, default=0) if isinstance(module, nn.ModuleDict) else sum(lengths)

    assert longest(blank("googlenet")) == 22


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_key_of_another_network_is_named(name: str) -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict(name, {"layer1.0.conv1.weight": torch.zeros(1)})
