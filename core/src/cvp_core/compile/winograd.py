"""3x3 convolutions with half or a quarter of the products, for OpenVINO in float32: winograd.cpp in its graphs.

Where OpenVINO's own kernels are as fast as the machine's matrix product, only fewer products are faster.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..machine import cpu_features
from ..native import built

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["SOURCE", "library", "replace_convolutions"]

SOURCE = Path(__file__).with_name("winograd.cpp")

_LANES = 16  # channels come in multiples of these
_TILES = 32  # for fewer, reading 36 or 16 values for each weight's 9 takes longer than the products that are saved,
_SMALL = 1 << 13  # pairs of an input and an output, unless so few that they are in the cache anyway


def library(openvino: ModuleType) -> Path | None:
    """The operator, compiled for this processor and this OpenVINO; None without AVX-512, a compiler or its headers."""
    if "avx512f" not in cpu_features():
        return None
    folder = Path(openvino.__file__ or "").parent
    linked = [path for name in ("libopenvino.so.*", "libtbb.so.*") for path in sorted((folder / "libs").glob(name))]
    if len(linked) != 2:
        return None
    found = built(SOURCE, "-ffp-contract=fast", f"-I{folder / 'include'}", *map(str, linked))
    return found if found and _stays(found) else None


@cache
def _stays(library: Path) -> bool:
    """Loads it for good: graphs outlive what OpenVINO loads it for, and would be left without their code."""
    try:
        ctypes.CDLL(str(library))
    except OSError:  # of another OpenVINO
        return False
    return True


def replace_convolutions(network: Any, operator: Path) -> int:
    """Puts the operator in the place of those convolutions that gain by it, with bias and ReLU; returns how many.

    network: openvino.Model of known height and width; of any count, it is taken to compute one picture at a time.
    """
    from openvino import opset13
    from openvino.passes import ConstantFolding, Manager
    from openvino.utils.node_factory import NodeFactory

    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(network)  # what is added is there as a value, not as how it is shaped
    factory = NodeFactory()
    factory.add_extension(str(operator))
    found = 0
    for convolution in network.get_ordered_ops():
        pixels = _pixels(convolution)
        if not pixels:
            continue
        last, bias, has_relu = _what_follows(convolution)
        images = opset13.transpose(convolution.input_value(0), np.array([0, 2, 3, 1]))
        inputs = [images.output(0), convolution.input_value(1), *([bias] if bias else [])]
        computed = factory.create("WinogradConvolution", inputs, {"relu": has_relu, "kept": pixels})
        answer = opset13.transpose(computed.output(0), np.array([0, 3, 1, 2]))
        answer.set_friendly_name(last.get_friendly_name())
        for reader in last.output(0).get_target_inputs():
            reader.replace_source_output(answer.output(0))
        found += 1
    network.validate_nodes_and_infer_types()
    return found


def _pixels(op: Any) -> int:
    """Pixels a side, 4 or 2, that are computed at once of a 3x3 convolution at every pixel; 0 for one to be left."""
    if op.get_type_name() != "Convolution" or op.input_value(1).get_node().get_type_name() != "Constant":
        return 0
    outputs, inputs, *kernel = op.input_value(1).get_shape()
    given = op.get_attributes()
    plain = all(list(given[name]) == [1, 1] for name in ("strides", "dilations", "pads_begin", "pads_end"))
    if kernel != [3, 3] or not plain or outputs % _LANES or inputs % _LANES:
        return 0
    count, _, height, width = op.get_output_partial_shape(0)

    def tiles(side: int) -> int:
        found = -(-height.get_length() // side) * -(-width.get_length() // side)
        return int(found * (count.get_length() if count.is_static else 1))

    if inputs * outputs <= _SMALL:
        return 4
    return next((side for side in (4, 2) if tiles(side) >= _TILES), 0)


def _what_follows(op: Any) -> tuple[Any, Any, bool]:
    """The last of a convolution, the bias that is added and ReLU; the bias, None if there is none; whether of ReLU."""
    last, bias = op, None
    if (add := _only_reader(last, "Add")) is not None:
        outputs = op.input_value(1).get_shape()[0]
        for value in add.input_values():
            if value.get_node().get_type_name() == "Constant" and list(value.get_shape()) == [1, outputs, 1, 1]:
                last, bias = add, value
    relu = _only_reader(last, "Relu")
    return (last, bias, False) if relu is None else (relu, bias, True)


def _only_reader(op: Any, kind: str) -> Any:
    readers = [reader.get_node() for reader in op.output(0).get_target_inputs()]
    return readers[0] if len(readers) == 1 and readers[0].get_type_name() == kind else None
