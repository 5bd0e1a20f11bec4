"""Where the time of a forward pass goes, by kind of layer, beside the machine's matrix product.

    python tests/peers/inference_layers.py [--model densenet121] [--batch 16] [--threads N] [--seconds 5]

OpenVINO's own counters of the network that `cvp compile --backend openvino` makes, float32 and bfloat16; one stream, so
that the times of layers add up. `--batch 1 --threads 1` is what each stream does where a batch is computed in pieces.
Each kind of convolution with its rate and its share of the GEMM limit of as many threads, measured in this run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from cvp_core.bench.roofline import measure_limits


def exported(model: str, folder: Path) -> Any:
    """The rewritten network as OpenVINO reads it."""
    import openvino
    import torch

    import cvp_core
    from cvp_core.compile.onnx_export import export_onnx, rewritten

    torch.manual_seed(0)
    net = rewritten(cvp_core.create_model(model).eval())
    size = cvp_core.get_spec(model).input_size
    export_onnx(net, torch.zeros(2, *size), folder / "model.onnx", ("image", "logits"), batch="batch")
    return openvino.Core().read_model(folder / "model.onnx"), size


def costs(network: Any) -> dict[str, tuple[str, float]]:
    """By name of each convolution and product: its kind, and its GFLOP."""
    found = {}
    for op in network.get_ops():
        kind = op.get_type_name()
        out = op.get_output_shape(0) if op.get_output_size() and op.get_output_partial_shape(0).is_static else None
        if out is None:
            continue
        if kind in ("Convolution", "GroupConvolution"):
            kernel = list(op.input_value(1).get_shape())
            sides, inputs = kernel[-2:], kernel[-3]
            label = f"{'grouped ' if kind != 'Convolution' else ''}{sides[0]}x{sides[1]} convolution"
            found[op.get_friendly_name()] = (label, 2 * float(np.prod(out)) * inputs * sides[0] * sides[1] / 1e9)
        elif kind == "MatMul":
            inputs = list(op.input_value(0).get_shape())[-1]
            found[op.get_friendly_name()] = ("linear", 2 * float(np.prod(out)) * inputs / 1e9)
    return found


def profile(
    network: Any, size: tuple[int, ...], batch: int, precision: str, threads: int | None, seconds: float
) -> dict[str, list[float]]:
    """By kind of layer: [milliseconds, GFLOP], and the whole pass under "all", as a caller waits for it."""
    import openvino

    network.reshape([batch, *size])
    known = costs(network)
    settings = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "NUM_STREAMS": "1",
        "PERF_COUNT": "YES",
    }
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    request = openvino.Core().compile_model(network, "CPU", settings).create_infer_request()
    images = np.random.default_rng(0).normal(size=(batch, *size)).astype(np.float32)
    request.infer({0: images})
    by_kind: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    passes, began = 0, time.perf_counter()
    while passes < 3 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        request.infer({0: images})
        by_kind["all"][0] += 1000 * (time.perf_counter() - start)
        for info in request.get_profiling_info():
            milliseconds = info.real_time.total_seconds() * 1000
            kind, gflop = known.get(info.node_name, (info.node_type, 0.0))
            by_kind[kind][0] += milliseconds
            by_kind[kind][1] += gflop
            by_kind["all"][1] += gflop
        passes += 1
    return {kind: [total / passes for total in totals] for kind, totals in by_kind.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="densenet121")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        network, size = exported(given.model, Path(folder))
        for precision in ("float32", "bfloat16"):
            before = measure_limits([precision], "cpu", given.threads)
            found = profile(network, size, given.batch, precision, given.threads, given.seconds)
            limit = before.better(measure_limits([precision], "cpu", given.threads)).gemm_gflops[precision]
            print(f"{given.model}, batch {given.batch}, {precision}; GEMM {limit:.0f} GFLOP/s")
            print(f"  {'kind':28} {'ms':>8} {'of time':>8} {'GFLOP/s':>9} {'of GEMM':>8}")
            whole = found["all"][0]
            for kind, (spent, gflop) in sorted(found.items(), key=lambda item: -item[1][0]):
                if spent < 0.005 * whole:
                    continue
                rate = 1000 * gflop / spent
                shares = f"{rate:9.0f} {rate / limit:8.0%}" if gflop else ""
                print(f"  {kind:28} {spent:8.1f} {spent / whole:8.0%} {shares}", flush=True)


if __name__ == "__main__":
    main()
