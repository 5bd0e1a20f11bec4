"""NVIDIA TensorRT: an engine made for this GPU and this release, from the network's ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import ConfigError, MachineError
from ..job import Job, Runner
from ..onnx_export import export_onnx
from ..torch_runner import TensorRunner, device_of, examples, ready, type_of

__all__ = ["compile", "load"]

_FILE = "model.engine"
_INPUT, _OUTPUT = "image", "logits"
_MOST = 256  # pictures at a time where every count must work
_WORKSPACE = 4 << 30  # bytes that a kernel may use


def compile(model: nn.Module, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Writes model.engine, in the types of the exported network. Raises ConfigError for a device that is not CUDA,
    MachineError with TensorRT's own reason where it makes no engine.
    """
    import tensorrt

    if device_of(job).type != "cuda":
        raise ConfigError(f"tensorrt runs on cuda, not on {job.device}")
    path = folder / "model.onnx"
    export_onnx(ready(model, job), examples(job), path, (_INPUT, _OUTPUT), batch="" if job.batch_size else "batch")
    builder = tensorrt.Builder(_logger(tensorrt))
    network = builder.create_network(_typed_as_exported(tensorrt))
    parser = tensorrt.OnnxParser(network, _logger(tensorrt))
    if not parser.parse(path.read_bytes()):
        raise MachineError(f"tensorrt cannot read the network: {parser.get_error(0)}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, _WORKSPACE)
    if job.batch_size is None:
        profile = builder.create_optimization_profile()
        profile.set_shape(_INPUT, *((count, *job.input_size) for count in (1, 16, _MOST)))
        config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise MachineError("tensorrt made no engine of the network")
    (folder / _FILE).write_bytes(engine)
    path.unlink()


def load(folder: Path, job: Job) -> Runner:
    """Takes the job's batch, or any count. Raises MachineError for an engine of another GPU or release."""
    import tensorrt

    device, dtype = device_of(job), type_of(job)
    engine = tensorrt.Runtime(_logger(tensorrt)).deserialize_cuda_engine((folder / _FILE).read_bytes())
    if engine is None:
        raise MachineError(f"{folder / _FILE} was made by another TensorRT or for another GPU; compile it again")
    context = engine.create_execution_context()
    classes = engine.get_tensor_shape(_OUTPUT)[1]
    stream = torch.cuda.Stream(device)

    def part(images: Tensor) -> Tensor:
        images = images.contiguous()  # TensorRT chooses its own layout inside
        logits = torch.empty(len(images), classes, dtype=dtype, device=device)
        context.set_input_shape(_INPUT, tuple(images.shape))
        context.set_tensor_address(_INPUT, images.data_ptr())
        context.set_tensor_address(_OUTPUT, logits.data_ptr())
        stream.wait_stream(torch.cuda.current_stream(device))
        context.execute_async_v3(stream.cuda_stream)
        torch.cuda.current_stream(device).wait_stream(stream)
        images.record_stream(stream)
        return logits

    def call(images: Tensor) -> Tensor:
        return torch.cat([part(batch) for batch in images.split(job.batch_size or _MOST)])

    return TensorRunner(call, job)


def _typed_as_exported(tensorrt: Any) -> int:
    """Flags for a network that computes in the types of its file; releases that know nothing else have no flag."""
    flag = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _logger(tensorrt: Any) -> Any:
    return tensorrt.Logger(tensorrt.Logger.ERROR)
