"""The layers of a network's training step, in bfloat16 on a CPU: ours beside torch's own, pass by pass.

    python tests/peers/training_layers.py [MODEL ...] [--batch 32] [--size 224] [--step 3]

For every shape of convolution that `cvp train` computes as a product of matrices, and every shape of batch norm, with
its ReLU: milliseconds of forward and backward pass, torch's and ours in turn, the best of several. Then the whole step
of each network, as often as --step says: torch alone, with memory kept, then with our convolutions, our norms and both.
Needs a quiet machine; goals: none, what is slower than torch's own should not be computed so.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.nn import functional

import cvp_core
from cvp_core.machine import freed_memory_kept
from cvp_core.train.cpu import FasterLayers, convolution

Shape = tuple[tuple[int, ...], int, int, int]  # of the images; channels out, kernel, stride

NO_PRODUCTS = partial(patch, "cvp_core.train.cpu.product", lambda *given, **known: None)
NO_NORMS = partial(patch, "cvp_core.train.cpu.norm.library", lambda source: None)
WAYS: dict[str, list[Callable[[], AbstractContextManager[Any]]]] = {
    "torch": [],
    "memory kept": [freed_memory_kept],
    "and products": [freed_memory_kept, NO_NORMS, FasterLayers],
    "and norms": [freed_memory_kept, NO_PRODUCTS, FasterLayers],
    "all": [freed_memory_kept, FasterLayers],
}


def best_ms(work: Callable[[], Any], times: int = 5) -> float:
    found = []
    for _ in range(times + 1):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found[1:]) * 1e3


def shapes_of(model: nn.Module, images: torch.Tensor) -> tuple[Counter[Shape], Counter[tuple[int, ...]]]:
    """How often each convolution without groups comes, and each norm."""
    convolutions: Counter[Shape] = Counter()
    norms: Counter[tuple[int, ...]] = Counter()

    def note(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        shape = tuple(inputs[0].shape)
        if isinstance(layer, nn.BatchNorm2d):
            norms[shape] += 1
        elif isinstance(layer, nn.Conv2d) and layer.groups == 1 and layer.kernel_size in ((1, 1), (3, 3)):
            convolutions[shape, layer.out_channels, layer.kernel_size[0], layer.stride[0]] += 1

    handles = [part.register_forward_hook(note) for part in model.modules()]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return convolutions, norms


def passes(layer: Callable[[], torch.Tensor], leaves: tuple[torch.Tensor, ...]) -> list[float]:
    """Forward and backward of torch, forward and backward of ours."""
    found: list[float] = []
    for mode in (nullcontext, FasterLayers):
        with mode(), torch.autocast("cpu", torch.bfloat16):
            layer()  # a norm's ReLU is expected from its second time on
            output = layer()
            found.append(best_ms(layer))
        gradient = torch.randn_like(output)
        found.append(best_ms(lambda: torch.autograd.grad(output, leaves, gradient, retain_graph=True)))  # noqa: B023
    return found


def convolution_passes(shape: Shape) -> list[float] | None:
    """None where ours is torch's."""
    extent, channels, kernel, stride = shape
    images = torch.randn(extent).bfloat16().to(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(channels, extent[1], kernel, kernel).requires_grad_()
    if kernel == 3 and not convolution._is_small(images, weight, stride):
        return None
    return passes(lambda: functional.conv2d(images, weight, stride=stride, padding=kernel // 2), (images, weight))


def norm_passes(extent: tuple[int, ...]) -> list[float]:
    images = torch.randn(extent).bfloat16().to(memory_format=torch.channels_last).requires_grad_()
    layer = nn.BatchNorm2d(extent[1])
    return passes(lambda: functional.relu(layer(images), inplace=True), (images, layer.weight, layer.bias))


def print_passes(what: str, count: int, found: list[float], total: list[float]) -> list[float]:
    """A line, and the total with it."""
    times = "".join(f"{value:9.2f}" for value in found)
    print(f"{what:32} x{count:<3}{times}   {sum(found[:2]) / sum(found[2:]):.2f}", flush=True)
    return [one + count * more for one, more in zip(total, found, strict=True)]


def compare_steps(name: str, model: nn.Module, images: torch.Tensor, rounds: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, fused=True)
    labels = torch.zeros(len(images), dtype=torch.long)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, contexts in WAYS.items():
            with ExitStack() as stack:
                for context in contexts:
                    stack.enter_context(context())
                for number in range(3):  # the first makes the memory that is kept
                    began = time.perf_counter()
                    with torch.autocast("cpu", torch.bfloat16):
                        loss = functional.cross_entropy(model(images).float(), labels)
                    loss.backward()
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
                    if number:
                        seconds[way].append(time.perf_counter() - began)
    usual = sorted(seconds["torch"])
    for way, found in seconds.items():
        found.sort()
        middle = found[len(found) // 2]
        ratios = f"ratio {usual[len(usual) // 2] / middle:.2f}, of the fastest steps {usual[0] / found[0]:.2f}"
        print(f"{name:14} {way:12} {len(images) / middle:7.1f} images/s, median; {ratios}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["resnet50", "densenet121"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--step", type=int, default=3)
    given = parser.parse_args()
    for name in given.models:
        torch.manual_seed(0)
        model = cvp_core.create_model(name).to(memory_format=torch.channels_last)
        images = torch.randn(given.batch, 3, given.size, given.size).to(memory_format=torch.channels_last)
        convolutions, norms = shapes_of(model, images)
        print(f"\n{name}, batch {given.batch}, {given.size} px: ms of torch, of ours, forward and backward")
        total = [0.0] * 4
        for shape, count in convolutions.items():
            found = convolution_passes(shape)
            if found is not None:
                extent, channels, kernel, stride = shape
                what = f"{'x'.join(map(str, extent[1:]))} -> {channels}, {kernel}x{kernel} / {stride}"
                total = print_passes(what, count, found, total)
        print_passes("all of these convolutions", 1, total, total)
        total = [0.0] * 4
        for extent, count in norms.items():
            total = print_passes(f"norm of {'x'.join(map(str, extent[1:]))}", count, norm_passes(extent), total)
        print_passes("all norms, with ReLU", 1, total, total)
        if given.step:
            compare_steps(name, model.train(), images, given.step)


if __name__ == "__main__":
    main()
