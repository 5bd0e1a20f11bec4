"""The ONNX file gives eager PyTorch's answers for what ONNX has no operation of its own for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cvp_core.compile.onnx_export import export_onnx


def answers(net: nn.Module, images: Tensor, path: Path, batch: str = "batch") -> np.ndarray[Any, Any]:
    onnxruntime = pytest.importorskip("onnxruntime")
    export_onnx(net.eval(), torch.zeros(2, *images.shape[1:]), path, ("image", "logits"), batch=batch)
    return onnxruntime.InferenceSession(path).run(["logits"], {"image": images.numpy()})[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("given", "made"), [(2, 7), (3, 7), (13, 6), (14, 7), (5, 1)])
def test_adaptive_pooling_to_any_size(given: int, made: int, tmp_path: Path) -> None:
    images = torch.randn(3, 2, given, given + 1)
    net = nn.Sequential(nn.AdaptiveAvgPool2d((made, made)), nn.Flatten())
    before = list(net.named_modules())
    np.testing.assert_allclose(answers(net, images, tmp_path / "a.onnx"), net(images), atol=1e-6)
    assert list(net.named_modules()) == before


class Attention(nn.Module):
    def __init__(self, scale: float | None, mask: Tensor | None) -> None:
        super().__init__()
        self.scale, self.mask = scale, mask

    def forward(self, x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(x, x + 1, x - 1, self.mask, scale=self.scale).flatten(1)


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("mask", [None, torch.randn(6, 6), torch.eye(6) > 0])
def test_attention_with_masks_and_scales(scale: float | None, mask: Tensor | None, tmp_path: Path) -> None:
    net, images = Attention(scale, mask), torch.randn(3, 2, 6, 8)
    np.testing.assert_allclose(answers(net, images, tmp_path / "a.onnx"), net(images), atol=1e-5)


def test_a_fixed_batch_is_fixed(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    export_onnx(nn.Flatten().eval(), torch.zeros(2, 3, 4, 4), tmp_path / "a.onnx", ("image", "logits"))
    assert onnxruntime.InferenceSession(tmp_path / "a.onnx").get_inputs()[0].shape == [2, 3, 4, 4]
