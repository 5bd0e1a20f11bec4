"""Batch norm with its ReLU in bfloat16: NumPy's and torch's answers in float64."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core.train.cpu.norms import maps_of, norm_of
from torch import Tensor, nn
from torch.nn import functional

import cvp_core
from cvp_core import native
from cvp_core.train import Callback, EpochResult, plan, train
from cvp_core.train.cpu import FasterLayers

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")

# Pictures, channels (of which 16 make a vector and four of these a step), height, width.
SHAPES = [(2, 1, 1, 1), (2, 3, 5, 7), (3, 16, 8, 8), (2, 20, 9, 9), (4, 64, 4, 4), (1, 72, 17, 19), (5, 208, 30, 31)]


def passes(
    shape: tuple[int, ...], mode: Any, *, relu: bool, dtype: torch.dtype = torch.bfloat16, again: int = 0
) -> dict[str, Tensor]:
    """Output, gradients and running statistics of a norm; those of the last pass, where it is made `again`."""
    layer = norm_of(shape[1]).to(torch.float64 if dtype is torch.float64 else torch.float32)
    for _ in range(again + 1):
        layer.zero_grad()
        layer.reset_running_stats()
        images = maps_of(shape).to(dtype).requires_grad_()
        with mode:
            found = layer(images)
            if relu:
                found = functional.relu(found, inplace=True)
            gradient = torch.randn(shape, generator=torch.Generator().manual_seed(1)).bfloat16().to(dtype)
            found.backward(gradient)
    assert found.dtype is dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    answers = {"output": found, "input": images.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}
    answers |= {"mean": layer.running_mean, "variance": layer.running_var}
    return {name: tensor.detach().double() for name, tensor in answers.items() if tensor is not None}


@pytest.mark.parametrize("again", [0, 1])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_all_answers_are_those_of_float64_but_for_bfloat16s_rounding(
    calls: list[bool], shape: tuple[int, ...], relu: bool, again: int
) -> None:
    truth = passes(shape, nullcontext(), relu=relu, dtype=torch.float64)
    assert calls == []
    ours = passes(shape, FasterLayers(), relu=relu, again=again)
    assert calls == [False, relu][: again + 1]
    for name, true in truth.items():
        tolerance = 2**-8 if name in ("output", "input") else 1e-5
        torch.testing.assert_close(ours[name], true, rtol=tolerance, atol=1e-4, msg=lambda text: f"{name}: {text}")  # noqa: B023


def test_the_output_is_numpys_and_the_running_statistics_are_the_papers() -> None:
    """Ioffe and Szegedy 2015 (arXiv:1502.03167), algorithms 1 and 2: running variances are without bias."""
    images, layer = maps_of((3, 20, 5, 4)), norm_of(20)
    values = images.double().numpy()
    mean, variance = values.mean((0, 2, 3)), values.var((0, 2, 3))
    with FasterLayers():
        found = layer(images).detach()
    scale = layer.weight.detach().double().numpy() / np.sqrt(variance + 1e-5)
    expected = (values - mean[:, None, None]) * scale[:, None, None] + layer.bias.detach().numpy()[:, None, None]
    np.testing.assert_allclose(found.double().numpy(), expected, rtol=2**-8, atol=1e-5)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * variance * 60 / 59, rtol=1e-5)


def test_a_mean_far_from_zero_costs_no_digits() -> None:
    images, layer = maps_of((4, 8, 32, 32), mean=1000.0, deviation=8.0), nn.BatchNorm2d(8, momentum=1.0)
    with FasterLayers():
        layer(images)
    truth = images.double().transpose(0, 1).flatten(1)
    torch.testing.assert_close(layer.running_mean, truth.mean(1).float(), rtol=1e-6, atol=0)
    torch.testing.assert_close(layer.running_var, truth.var(1).float(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("relu", [False, True])
def test_the_number_of_threads_changes_no_bit(relu: bool) -> None:
    threads = torch.get_num_threads()
    try:
        found = []
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            found.append(passes(SHAPES[-1], FasterLayers(), relu=relu))
    finally:
        torch.set_num_threads(threads)
    for others in found[1:]:
        assert all(torch.equal(others[name], found[0][name]) for name in found[0])


@pytest.mark.parametrize("again", [0, 1])
def test_what_is_not_a_number_stays_one_behind_relu(again: int) -> None:
    layer, mode = norm_of(20), FasterLayers()
    for number in range(again + 1):
        images = maps_of((2, 20, 4, 4))
        if number == again:
            images[1, 3, 2, 2] = float("nan")
        with mode:
            found = functional.relu(layer(images), inplace=True)
    assert found[:, 3].isnan().all()
    assert not found[:, :3].isnan().any()
    assert not found[:, 4:].isnan().any()


def test_a_norm_without_a_gradient_is_normed_too(calls: list[bool]) -> None:
    layer, mode = norm_of(4), FasterLayers()
    with mode:
        functional.relu(layer(maps_of((2, 4, 3, 3)).requires_grad_()), inplace=True)
        with torch.no_grad():
            assert layer(maps_of((2, 4, 3, 3))).min() < 0
            assert functional.relu(layer(maps_of((2, 4, 3, 3))), inplace=True).min() == 0
    assert calls == [False, False, False]


def test_frozen_weights_let_gradients_through() -> None:
    found = []
    for mode in (FasterLayers(), nullcontext()):
        layer, images = norm_of(20).requires_grad_(False), maps_of((2, 20, 6, 6)).requires_grad_()
        with mode:
            layer(images).square().sum().backward()
        assert layer.weight.grad is None
        assert images.grad is not None
        found.append(images.grad)
    torch.testing.assert_close(found[0], found[1], rtol=2**-7, atol=2**-7)


@pytest.mark.parametrize("name", ["resnet18", "densenet_bc_100_12", "mobilenetv2_050"])
def test_a_networks_gradients_are_as_near_to_float32s_as_torchs(calls: list[bool], name: str) -> None:
    torch.manual_seed(0)
    model = cvp_core.create_model(name, num_classes=4).to(memory_format=torch.channels_last)
    images = torch.randn(8, *cvp_core.get_spec(name).input_size)[..., :64, :64].to(memory_format=torch.channels_last)

    def gradients(mode: Any, *, is_reduced: bool = True) -> Tensor:
        for _ in range(2):
            model.zero_grad()
            with mode, torch.autocast("cpu", torch.bfloat16, enabled=is_reduced):
                model(images).float().square().sum().backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])

    truth, torchs = gradients(nullcontext(), is_reduced=False), gradients(nullcontext())
    ours = gradients(FasterLayers())
    assert calls
    assert any(calls) == (name != "mobilenetv2_050")
    off = [(1 - torch.cosine_similarity(truth, found, dim=0)).item() for found in (ours, torchs)]
    assert off[0] < 1.1 * off[1] + 1e-4, off


def test_a_run_in_bfloat16_has_our_norms_and_recomputed_stages_too(
    calls: list[bool], noise: Path, tmp_path: Path
) -> None:
    given = {
        "model": "resnet18", "data": str(noise), "epochs": 2, "batch_size": 8, "image_size": 32, "crop": 1.0,
        "threads": 1, "precision": "bfloat16", "seed": 0,
    }  # fmt: skip
    losses: list[list[float]] = []

    class Noted(Callback):
        def on_epoch(self, result: EpochResult) -> None:
            losses[-1].append(result.train_loss)

    for again in (False, True):
        runs = tmp_path / f"runs{again}"
        losses.append([])
        train(plan({**given, "checkpoint_activations": again}, runs_dir=runs, store=tmp_path / "weights"), [Noted()])
    assert True in calls
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
