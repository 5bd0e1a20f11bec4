"""Grad-CAM against closed forms, for every family, and that looking changes nothing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import cvp_core
from cvp_core import ImageClassifier
from cvp_core.errors import ConfigError, NotInstalledError
from cvp_core.explain import feature_maps, grad_cam
from cvp_core.registry import families, models

SIDE = 8


class MeanHead(nn.Module):
    """The mean over all places, then a linear layer: what CAM (Zhou et al. 2016, arXiv:1512.04150) is defined for."""

    def __init__(self, channels: int, kind: str = "channels first") -> None:
        super().__init__()
        self.kind = kind
        self.classifier = nn.Linear(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        places = {"channels first": (2, 3), "channels last": (1, 2), "tokens": 1}[self.kind]
        return self.classifier((x[:, 1:] if self.kind == "tokens" else x).mean(places))


class Arrange(nn.Module):
    """(N, C, H, W) as a network of that kind has it; tokens get a class token that says nothing of any place."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "channels last":
            return x.permute(0, 2, 3, 1)
        if self.kind == "tokens":
            tokens = x.flatten(2).transpose(1, 2)
            return torch.cat([torch.full_like(tokens[:, :1], 99.0), tokens], dim=1)
        return x


def network(kind: str = "channels first", head: nn.Module | None = None, *more: nn.Module) -> ImageClassifier:
    torch.manual_seed(0)
    stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
    stage = nn.Sequential(nn.Conv2d(6, 5, 3, padding=1), Arrange(kind))
    return ImageClassifier(stem, nn.Sequential(stage, *more), head or MeanHead(5, kind))


def images(count: int = 4, side: int = SIDE, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(1))


TARGETS = torch.tensor([0, 1, 2, 1])


def to_peak(maps: np.ndarray) -> np.ndarray:
    positive = np.maximum(maps, 0)
    return positive / np.maximum(positive.max(axis=(1, 2), keepdims=True), 1e-30)


def last_maps(model: ImageClassifier, pictures: Tensor) -> np.ndarray:
    """(N, 5, H, W) of `network`, before it is arranged."""
    with torch.no_grad():
        return model.stages[0][0](model.stem(pictures)).numpy()


@pytest.mark.parametrize("kind", ["channels first", "channels last", "tokens"])
def test_with_mean_pooling_and_a_linear_head_grad_cam_is_cam(kind: str) -> None:
    model = network(kind).eval()
    weights = model.head.classifier.weight.detach().numpy()[TARGETS.numpy()]
    cam = np.einsum("nc,nchw->nhw", weights, last_maps(model, images()))
    found = grad_cam(model, images(), TARGETS)
    assert (found.shape, found.dtype) == ((4, SIDE, SIDE), np.float32)
    np.testing.assert_allclose(found, to_peak(cam), atol=1e-5)


def test_an_operation_in_place_after_the_map_does_not_change_the_map() -> None:
    class InPlaceHead(MeanHead):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(functional.relu_(x))

    model = network(head=InPlaceHead(5)).eval()
    maps = last_maps(model, images())
    weights = model.head.classifier.weight.detach().numpy()[TARGETS.numpy()]
    slopes = weights * (maps > 0).mean(axis=(2, 3))  # of ReLU, then mean: where a map is negative it has no slope
    expected = np.einsum("nc,nchw->nhw", slopes, maps)
    np.testing.assert_allclose(grad_cam(model, images(), TARGETS), to_peak(expected), atol=1e-5)


def test_a_coarse_last_map_gives_way_to_the_last_fine_one() -> None:
    model = network("channels first", None, nn.AvgPool2d(4), nn.ReLU()).eval()
    fine = torch.from_numpy(last_maps(model, images())).requires_grad_()
    logits = model.head(model.stages[2](model.stages[1](fine)))
    (slopes,) = torch.autograd.grad(logits.gather(1, TARGETS[:, None]).sum(), fine)
    expected = (slopes.mean((2, 3), keepdim=True) * fine).sum(1).detach().numpy()
    np.testing.assert_allclose(grad_cam(model, images(), TARGETS), to_peak(expected), atol=1e-5)


def test_where_all_maps_are_coarse_the_last_one_is_taken() -> None:
    small = images(side=6)
    model = network("channels first", None, nn.AvgPool2d(2)).eval()
    maps = functional.avg_pool2d(torch.from_numpy(last_maps(model, small)), 2)
    cam = torch.einsum("nc,nchw->nhw", model.head.classifier.weight.detach()[TARGETS], maps)
    expected = functional.interpolate(cam.relu()[:, None], (6, 6), mode="bilinear")[:, 0]
    np.testing.assert_allclose(grad_cam(model, small, TARGETS), to_peak(expected.numpy()), atol=1e-5)


def test_behind_a_class_token_the_map_is_taken_where_the_patches_still_matter() -> None:
    model = cvp_core.create_model("timm/vit_tiny_patch16_224", num_classes=3, image_size=(224, 224)).eval()
    pictures, targets = images(1, 224), torch.tensor([2])
    before_last = model.net.blocks[-2]
    kept: list[Tensor] = []
    handle = before_last.register_forward_hook(lambda module, inputs, output: kept.append(output))
    logits = model(pictures)
    handle.remove()
    (slopes,) = torch.autograd.grad(logits[0, 2], kept[0])
    cam = (slopes[0, 1:].mean(0) * kept[0][0, 1:]).sum(1).detach().reshape(1, 1, 14, 14)
    expected = functional.interpolate(cam.relu(), (224, 224), mode="bilinear")[:, 0].numpy()
    found = grad_cam(model, pictures, targets)
    assert found.max() == 1
    np.testing.assert_allclose(found, to_peak(expected), atol=1e-4)


def test_looking_leaves_the_model_as_it_was() -> None:
    model = network().train()
    model.stem.eval()
    model.stages[0][0].weight.requires_grad_(False)
    model(images()).sum().backward()
    modes = [module.training for module in model.modules()]
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gradients = {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}
    pictures = images()
    grad_cam(model, pictures, TARGETS)
    feature_maps(model, pictures[:1])
    with pytest.raises(RuntimeError, match="channels"):  # an error on the way leaves nothing behind either
        grad_cam(model, images(channels=2), TARGETS)
    assert [module.training for module in model.modules()] == modes
    assert [module for module in model.modules() if module._forward_hooks or module._forward_pre_hooks] == []
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (name != "stages.0.0.weight")
        old = gradients[name]
        assert (parameter.grad is None) if old is None else torch.equal(parameter.grad, old)
    assert not pictures.requires_grad
    assert torch.is_grad_enabled()


def test_a_model_in_training_mode_is_looked_at_as_it_predicts() -> None:
    model = network()
    model.stem(images())  # statistics that are neither the batch's nor those of the beginning
    np.testing.assert_array_equal(grad_cam(model.train(), images(), TARGETS), grad_cam(model.eval(), images(), TARGETS))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_switched_off_and_nothing_is_trainable(mode: type) -> None:
    model = network().eval()
    expected = grad_cam(model, images(), TARGETS)
    model.requires_grad_(False)
    with mode():
        np.testing.assert_array_equal(grad_cam(model, images(), TARGETS.clone()), expected)
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("target", [-1, 3])
def test_a_class_that_does_not_exist_is_told(target: int) -> None:
    with pytest.raises(ValueError, match="0 to 2"):
        grad_cam(network(), images(1), torch.tensor([target]))


def test_a_class_that_nothing_speaks_for_has_an_empty_map() -> None:
    model = network().eval()
    nn.init.zeros_(model.head.classifier.weight)
    assert not grad_cam(model, images(), TARGETS).any()


def smallest() -> list[str]:
    """The smallest network of each native family."""
    names = []
    for family in sorted({claim.spec.family for claim in families()}):
        specs = [claim.spec for claim in models() if claim.spec.family == family and "/" not in claim.spec.name]
        if family == "classic":
            specs = [spec for spec in specs if spec.name == "lenet5"]
        names += [min(specs, key=lambda spec: spec.macs).name] if specs else []
    return names


FOREIGN = ["torchvision/swin_t", "torchvision/vit_b_32", "timm/mixer_s32_224", "timm/levit_128s", "timm/resnet10t"]


@pytest.mark.parametrize("name", [*smallest(), *FOREIGN])
def test_every_family_has_a_map_over_the_picture(name: str) -> None:
    spec = cvp_core.get_spec(name)
    torch.manual_seed(0)
    channels, height, width = spec.input_size
    model = cvp_core.create_model(name, num_classes=2)
    for layer in (model.get_submodule(layer) for layer in model.parts.classifiers):
        nn.init.normal_(layer.weight[0], std=0.1)  # some libraries' begin at zero
        with torch.no_grad():
            layer.weight[1] = -layer.weight[0]  # what speaks against the one class speaks for the other
    picture = torch.randn(1, channels, height, width).expand(2, -1, -1, -1)
    found = grad_cam(model, picture, torch.tensor([0, 1]))
    assert found.shape == (2, height, width)
    assert np.isfinite(found).all()
    assert (found.min(), found.max()) >= (0, 1)
    assert not ((found[0] > 0) & (found[1] > 0)).all()
    assert found.std() > 0  # it says more of one place than of another


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_a_network_without_maps_is_told(name: str) -> None:
    model = cvp_core.create_model(name)
    with pytest.raises(ConfigError, match=f"{name} has no feature map"):
        grad_cam(model, images(1, 28, 1), torch.tensor([0]))
    with pytest.raises(ConfigError, match=f"{name} has no feature map"):
        feature_maps(model, images(1, 28, 1))


def test_without_captum_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(NotInstalledError, match="pip install captum"):
        grad_cam(network(), images(), TARGETS)
