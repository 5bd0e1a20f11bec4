"""The backends that core brings, one a file. Listing them imports none of the libraries that they use."""

from __future__ import annotations

from ...spec import BackendSpec

__all__ = ["SPECS"]

_HERE = "cvp_core.compile.backends"
# Modes of inductor, all of which are tried there.
_ON_GPUS = ("default", "reduce-overhead", "max-autotune", "max-autotune-padded", "max-autotune-two-paths")

SPECS = (
    BackendSpec(
        "eager",
        "PyTorch as it is, with batch norms folded into convolutions",
        f"{_HERE}.eager:compile",
        loader=f"{_HERE}.eager:load",
        precisions=("float32", "bfloat16", "float16"),
        devices=("cpu", "cuda"),
    ),
    BackendSpec(
        "inductor",
        "torch.compile; it compiles anew where its cache is empty",
        f"{_HERE}.inductor:compile",
        loader=f"{_HERE}.inductor:load",
        precisions=("float32", "bfloat16", "float16"),
        devices=("cpu", "cuda"),
        modes=(*_ON_GPUS, "regional"),
        tried_modes={"cuda": _ON_GPUS},
        mode_when_slow="regional",
    ),
    BackendSpec(
        "torchscript",
        "traced, frozen and optimised TorchScript",
        f"{_HERE}.torchscript:compile",
        loader=f"{_HERE}.torchscript:load",
        precisions=("float32", "bfloat16"),
        devices=("cpu", "cuda"),
        is_code=True,
    ),
    BackendSpec(
        "aoti",
        "AOTInductor: compiled ahead of time for this machine",
        f"{_HERE}.aoti:compile",
        loader=f"{_HERE}.aoti:load",
        precisions=("float32", "bfloat16"),
        devices=("cpu", "cuda"),
        is_code=True,
        is_native=True,
    ),
    BackendSpec(
        "onnxruntime",
        "ONNX Runtime; predicts without torch",
        f"{_HERE}.onnxruntime:compile",
        requires=("onnxruntime", "onnx"),
        loader=f"{_HERE}.onnxruntime:load",
        extra="cvp-core[onnxruntime]",
    ),
    BackendSpec(
        "tensorrt",
        "NVIDIA TensorRT, on its GPUs; the engine is for this GPU alone",
        f"{_HERE}.tensorrt:compile",
        requires=("tensorrt", "onnx"),
        loader=f"{_HERE}.tensorrt:load",
        precisions=("float32", "bfloat16", "float16"),
        devices=("cuda",),
        extra="cvp-core[tensorrt]",
        is_code=True,
    ),
    BackendSpec(
        "openvino",
        "OpenVINO, on Intel's and ARM's CPUs; predicts without torch",
        f"{_HERE}.openvino:compile",
        requires=("openvino", "onnx"),
        loader=f"{_HERE}.openvino:load",
        precisions=("float32", "bfloat16", "int8"),
        extra="cvp-core[openvino]",
        compile_requires={"int8": ("nncf", "cvp-core[int8]")},
    ),
)
