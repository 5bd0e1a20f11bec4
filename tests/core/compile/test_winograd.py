"""Our 3x3 convolution in OpenVINO's graphs gives torch's answers of float64, and stands only where it gains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from cvp_core.compile import winograd
from cvp_core.compile.openvino_core import core

openvino = pytest.importorskip("openvino")


def network(shape: tuple[int, ...], weights: np.ndarray, bias: np.ndarray | None, relu: bool, **other: Any) -> Any:
    from openvino import opset13

    given = {"strides": [1, 1], "pads_begin": [1, 1], "pads_end": [1, 1], "dilations": [1, 1], **other}
    image = opset13.parameter(shape, np.float32)
    found = opset13.convolution(image, opset13.constant(weights), **given)
    if bias is not None:
        found = opset13.add(found, opset13.constant(bias.reshape(1, -1, 1, 1)))
    if relu:
        found = opset13.relu(found)
    return openvino.Model([found], [image])


def compiled(graph: Any, threads: int) -> Any:
    exact = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(threads)}
    return core().compile_model(graph, "CPU", exact)


def weights_of(outputs: int, inputs: int, side: int = 3) -> np.ndarray:
    drawn = np.random.default_rng(1).standard_normal((outputs, inputs, side, side), np.float32)
    return drawn / np.float32(side * inputs**0.5)


@pytest.mark.parametrize("pixels", [2, 4])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("count", "inputs", "outputs", "height", "width"),
    [
        (1, 16, 16, 1, 1),
        (2, 16, 48, 9, 13),  # no multiples of a tile; a block of outputs and a half
        (3, 48, 32, 7, 7),
        (5, 64, 64, 14, 14),
        (1, 32, 64, 56, 57),  # more lines of tiles than are computed at a time
        (2, 128, 128, 30, 3),
    ],
)
def test_its_answers_are_those_of_float64(
    count: int,
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    threads: int,
    pixels: int,
    operator: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(winograd, "_pixels", lambda op: pixels if op.get_type_name() == "Convolution" else 0)
    images = np.random.default_rng(0).standard_normal((count, inputs, height, width), np.float32)
    weights, bias = weights_of(outputs, inputs), np.linspace(-1, 1, outputs, dtype=np.float32)
    for with_bias, relu in ((False, False), (True, False), (False, True), (True, True)):
        given = torch.from_numpy(bias).double() if with_bias else None
        wanted = functional.conv2d(torch.from_numpy(images).double(), torch.from_numpy(weights).double(), given, 1, 1)
        wanted = wanted.relu() if relu else wanted
        graph = network((-1, inputs, height, width), weights, bias if with_bias else None, relu)
        assert winograd.replace_convolutions(graph, operator) == 1
        left = {op.get_type_name() for op in graph.get_ops()}
        assert not left & {"Convolution", "Add", "Relu"}
        run = compiled(graph, threads)
        for part in (images, images[:1], images):  # of any count, and what is kept between calls does no harm
            found = torch.from_numpy(np.array(run(part)[0]))
            assert (found - wanted[: len(part)]).abs().max() < 3e-5 * wanted.abs().max()


def test_a_bias_that_is_shaped_in_the_graph_is_added_too(operator: Path) -> None:
    from openvino import opset13

    image = opset13.parameter((-1, 32, 28, 28), np.float32)
    given = {"strides": [1, 1], "pads_begin": [1, 1], "pads_end": [1, 1], "dilations": [1, 1]}
    convolution = opset13.convolution(image, opset13.constant(weights_of(32, 32)), **given)
    shape = opset13.concat([np.array([1]), opset13.shape_of(np.zeros(32, np.float32)), np.array([1, 1])], 0)
    bias = opset13.reshape(np.linspace(-1, 1, 32, dtype=np.float32), shape, False)  # as networks come from ONNX
    graph = openvino.Model([opset13.relu(opset13.add(convolution, bias))], [image])
    assert winograd.replace_convolutions(graph, operator) == 1
    assert not {op.get_type_name() for op in graph.get_ops()} & {"Add", "Relu", "Reshape"}


@pytest.mark.parametrize(
    ("weights", "other"),
    [
        (weights_of(32, 32), {"strides": [2, 2]}),
        (weights_of(32, 32), {"dilations": [2, 2]}),
        (weights_of(32, 32), {"pads_end": [0, 0]}),
        (weights_of(32, 32, 5), {}),
        (weights_of(32, 24), {}),
        (weights_of(24, 32), {}),
    ],
)
def test_other_convolutions_stay(weights: np.ndarray, other: dict[str, list[int]], operator: Path) -> None:
    graph = network((1, weights.shape[1], 14, 14), weights, None, True, **other)
    assert winograd.replace_convolutions(graph, operator) == 0
    assert {op.get_type_name() for op in graph.get_ops()} >= {"Convolution", "Relu"}


@pytest.mark.parametrize(("side", "pixels"), [(28, 4), (14, 2), (7, 0)])
def test_many_weights_pay_for_enough_tiles(side: int, pixels: int) -> None:
    graph = network((1, 256, side, side), weights_of(256, 256), None, True)
    (op,) = (op for op in graph.get_ops() if op.get_type_name() == "Convolution")
    assert winograd._pixels(op) == pixels


def test_what_others_read_stays_too(operator: Path) -> None:
    from openvino import opset13

    plain = network((1, 32, 28, 28), weights_of(32, 32), None, True)
    relu = plain.output(0).get_node().input_value(0).get_node()
    convolution = relu.input_value(0)
    both = openvino.Model([opset13.add(relu, convolution)], plain.get_parameters())
    assert winograd.replace_convolutions(both, operator) == 1
    assert "Relu" in {op.get_type_name() for op in both.get_ops()}
    images = np.random.default_rng(0).standard_normal((1, 32, 28, 28), np.float32)
    found = torch.from_numpy(np.array(compiled(both, 2)(images)[0]))
    raw = functional.conv2d(torch.from_numpy(images).double(), torch.from_numpy(weights_of(32, 32)).double(), padding=1)
    assert (found - (raw + raw.relu())).abs().max() < 3e-5 * raw.abs().max()
