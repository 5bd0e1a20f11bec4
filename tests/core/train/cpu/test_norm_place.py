"""Our norm stands only where it is meant to, and is one with its ReLU only where nothing is between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from core.train.cpu.norms import maps_of, norm_of
from torch import Tensor, nn
from torch.nn import functional

from cvp_core import native
from cvp_core.train.cpu import FasterLayers

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")


def gradient_of(mode: Any, after: Callable[[Tensor], Tensor], times: int = 2) -> tuple[Tensor, Tensor]:
    layer = norm_of(20)
    for _ in range(times):
        images = maps_of((2, 20, 6, 6)).requires_grad_()
        with mode:
            found = after(layer(images))
            found.float().square().sum().backward()
    assert images.grad is not None
    return found.detach().float(), images.grad.float()


def doubled_before(maps: Tensor) -> Tensor:
    """What is computed of the norm before ReLU overwrites it has a gradient of its own."""
    doubled = maps * 2.0
    return functional.relu(maps, inplace=True) + doubled


def kept_beside(maps: Tensor) -> Tensor:
    return functional.relu(maps) + maps


def hooked(maps: Tensor) -> Tensor:
    """A hook on the norm's output sees the gradient behind ReLU's."""
    maps.register_hook(lambda gradient: gradient * 3)
    return functional.relu(maps, inplace=True)


@pytest.mark.parametrize("after", [doubled_before, kept_beside, hooked])
def test_relu_is_one_with_the_norm_only_where_nothing_is_between(after: Callable[[Tensor], Tensor]) -> None:
    for ours, torchs in zip(gradient_of(FasterLayers(), after), gradient_of(nullcontext(), after), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=2**-7, atol=2**-7)


def test_a_relu_that_was_expected_and_does_not_come_is_taken_back(calls: list[bool]) -> None:
    layer, mode = norm_of(20), FasterLayers()

    def step(relu: bool, leaves: bool = False) -> Tensor:
        images = maps_of((2, 20, 6, 6)).requires_grad_()
        with mode:
            found = layer(images)
            if relu:
                functional.relu(found, inplace=True)
            elif not leaves:
                assert found.min() < 0
        assert relu or found.min() < 0
        found.backward(torch.ones_like(found).to(memory_format=torch.channels_last) * maps_of((2, 20, 6, 6)))
        assert images.grad is not None
        return images.grad

    plain, rectified = step(False), step(True)
    assert not torch.equal(plain, rectified)
    assert torch.equal(step(True), rectified)
    assert torch.equal(step(False), plain)
    assert torch.equal(step(True), rectified)
    assert torch.equal(step(True), rectified)
    assert torch.equal(step(False, leaves=True), plain)
    assert calls == [False, False, True, True, False, True, True]


@pytest.mark.parametrize(
    "images",
    [
        maps_of((2, 4, 3, 3)).float(),
        maps_of((2, 4, 3, 3)).contiguous(),  # rows first
        maps_of((2, 4, 3, 3)).half(),
    ],
)
def test_other_maps_are_left_to_torch(calls: list[bool], images: Tensor) -> None:
    layer = norm_of(4)
    with FasterLayers():
        found = layer(images)
    assert torch.equal(found, layer(images))
    assert calls == []


def test_other_norms_are_left_to_torch(calls: list[bool]) -> None:
    images = maps_of((2, 4, 3, 3))
    with FasterLayers():
        norm_of(4).eval()(images)
        nn.BatchNorm2d(4, affine=False)(images)
        norm_of(4).bfloat16()(images)
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            norm_of(4)(images[:1, :, :1, :1].contiguous(memory_format=torch.channels_last))
        with pytest.raises(RuntimeError, match=r"4.*5|5.*4"):
            norm_of(5)(images)
        nn.BatchNorm2d(4, track_running_stats=False)(images)  # is ours: it has nothing to track
    assert calls == [False]


def test_without_a_compiler_torch_computes(calls: list[bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "/no/such/compiler")
    monkeypatch.setenv("PATH", "")
    native.library.cache_clear()
    native.built.cache_clear()
    try:
        with FasterLayers():
            found = norm_of(4)(maps_of((2, 4, 3, 3)))
    finally:
        native.library.cache_clear()
        native.built.cache_clear()
    assert calls == []
    assert torch.isfinite(found).all()
    assert list(tmp_path.rglob("*.so")) == []
