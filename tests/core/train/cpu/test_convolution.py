"""Convolutions as matrix products: NumPy's sums, torch's gradients, and only where they are meant to be."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import cvp_core
from cvp_core.train import plan, train
from cvp_core.train.cpu import FasterLayers, convolution

# Batch, channels in, height, width, channels out, kernel, stride, and whether there is a bias.
POINTWISE = [(2, 32, 5, 7, 48, 1, 1, True), (2, 32, 5, 7, 48, 1, 2, False), (3, 16, 1, 1, 8, 1, 1, True)]
WINDOWS = [
    (2, 256, 4, 5, 128, 3, 1, True),
    (2, 256, 5, 4, 128, 3, 2, False),
    (1, 256, 1, 1, 128, 3, 2, True),
    (2, 256, 7, 7, 128, 3, 3, False),
]


class Calls:
    """Which of the two kinds of products were computed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        for kind in (convolution._Pointwise, convolution._Windows):
            patch.setattr(kind, "apply", self.noted(kind.__name__, kind.apply))

    def noted(self, name: str, apply: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self.names.append(name)
            return apply(*arguments)

        return call


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


def passes(case: tuple[Any, ...], *, as_products: bool, is_reduced: bool = True) -> list[Tensor]:
    """The output and the gradients of input, weights and bias, all float32."""
    count, inputs, height, width, outputs, kernel, stride, has_bias = case
    numbers = torch.Generator().manual_seed(0)
    images = torch.randn(count, inputs, height, width, generator=numbers).bfloat16().float()
    weight = torch.randn(outputs, inputs, kernel, kernel, generator=numbers) / (inputs * kernel**2) ** 0.5
    leaves = [images.to(memory_format=torch.channels_last), weight.bfloat16().float()]
    leaves += [torch.randn(outputs, generator=numbers).bfloat16().float()] * has_bias
    for leaf in leaves:
        leaf.requires_grad_()
    with FasterLayers() if as_products else nullcontext():
        with torch.autocast("cpu", torch.bfloat16, enabled=is_reduced):
            found = functional.conv2d(*leaves, stride=stride, padding=kernel // 2)
        gradient = torch.randn(found.shape, generator=numbers).bfloat16()
        found.backward(gradient.to(found.dtype).to(memory_format=torch.channels_last))
    assert found.dtype == (torch.bfloat16 if is_reduced else torch.float32)
    assert found.is_contiguous(memory_format=torch.channels_last)
    return [found.detach().float(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


@pytest.mark.parametrize("case", POINTWISE + WINDOWS)
def test_all_three_passes_are_those_of_float32_but_for_bfloat16s_rounding(calls: Calls, case: tuple[Any, ...]) -> None:
    truth = passes(case, as_products=False, is_reduced=False)
    assert calls.names == []
    for ours, true in zip(passes(case, as_products=True), truth, strict=True):
        # 8 bits of mantissa: rounding once is off by 2**-9 at most, about 0.0017 of the norm of many numbers.
        assert ((ours - true).norm() / true.norm()).item() < 0.004
    assert calls.names == ["_Pointwise" if case in POINTWISE else "_Windows"]


def test_the_output_is_numpys_sum_over_windows(calls: Calls) -> None:
    count, inputs, height, width, outputs, _, stride, _ = case = WINDOWS[1]
    numbers = torch.Generator().manual_seed(0)
    images = np.zeros((count, inputs, height + 2, width + 2))
    images[:, :, 1:-1, 1:-1] = torch.randn(count, inputs, height, width, generator=numbers).bfloat16().float()
    weight = (torch.randn(outputs, inputs, 3, 3, generator=numbers) / (inputs * 9) ** 0.5).bfloat16().double().numpy()
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), (2, 3))[:, :, ::stride, ::stride]
    np.testing.assert_allclose(
        passes(case, as_products=True)[0], np.einsum("nihwkl,oikl->nohw", windows, weight), atol=0.02
    )
    assert calls.names == ["_Windows"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"groups": 2, "weight": (8, 4, 1, 1)},
        {"padding": 1},
        {"padding": "same"},
        {"dilation": 2, "weight": (8, 8, 3, 3), "padding": 1},
        {"stride": (1, 2)},
        {"weight": (8, 8, 3, 3), "padding": 1},  # 96 pixels are too many for 576 weights
        {"weight": (8, 8, 5, 5), "padding": 2},
        {"images": torch.zeros(2, 8, 6, 8)},  # rows first
        {"images": torch.zeros(8, 6, 8)},
    ],
)
def test_other_convolutions_are_left_to_torch(calls: Calls, arguments: dict[str, Any]) -> None:
    images = arguments.pop("images", torch.zeros(2, 8, 6, 8).to(memory_format=torch.channels_last))
    weight = torch.zeros(arguments.pop("weight", (8, 8, 1, 1)))
    with FasterLayers(), torch.autocast("cpu", torch.bfloat16):
        found = functional.conv2d(images, weight, **arguments)
    with torch.autocast("cpu", torch.bfloat16):
        assert found.shape == functional.conv2d(images, weight, **arguments).shape
    assert calls.names == []


def test_float32_is_left_to_torch(calls: Calls) -> None:
    images = torch.zeros(2, 8, 6, 8).to(memory_format=torch.channels_last)
    with FasterLayers():
        functional.conv2d(images, torch.zeros(8, 8, 1, 1))
        with torch.autocast("cpu", torch.float16):
            functional.conv2d(images, torch.zeros(8, 8, 1, 1))
    assert calls.names == []


def test_weights_alone_are_trained_where_the_input_needs_no_gradient(calls: Calls) -> None:
    images = torch.randn(1, 256, 2, 2).to(memory_format=torch.channels_last)
    for kernel in (1, 3):
        weight = torch.randn(64, 256, kernel, kernel, requires_grad=True)
        with FasterLayers(), torch.autocast("cpu", torch.bfloat16):
            functional.conv2d(images, weight, padding=kernel // 2).sum().backward()
        assert weight.grad is not None
    assert calls.names == ["_Pointwise", "_Windows"]


def test_a_networks_gradients_are_those_of_torch(calls: Calls) -> None:
    torch.manual_seed(0)
    model = cvp_core.create_model("resnet18", num_classes=4).to(memory_format=torch.channels_last).eval()
    images = torch.randn(2, 3, 64, 64).to(memory_format=torch.channels_last)

    def gradients(mode: Any) -> Tensor:
        model.zero_grad()
        with mode, torch.autocast("cpu", torch.bfloat16):
            model(images).float().square().sum().backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    plain = gradients(nullcontext())
    ours = gradients(FasterLayers())
    assert {"_Pointwise", "_Windows"} == set(calls.names)
    assert torch.cosine_similarity(plain, ours, dim=0).item() > 0.999


def test_a_run_in_bfloat16_computes_by_products_and_one_in_float32_does_not(
    calls: Calls, noise: Path, tmp_path: Path
) -> None:
    given = {
        "model": "mobilenetv2_050", "data": str(noise), "epochs": 1, "batch_size": 8, "image_size": 32, "crop": 1.0,
        "threads": 1, "checkpoint_activations": True,
    }  # fmt: skip
    for precision in ("float32", "bfloat16"):
        assert calls.names == []
        train(plan({**given, "precision": precision}, runs_dir=tmp_path / "runs", store=tmp_path / "weights"))
    assert "_Pointwise" in calls.names
