"""OpenVINO: the network as its IR, and what it was compiled to beside it, so that a cold start compiles little.

How a batch is computed is measured when it is compiled: all at once by all threads, or in pieces, each by a thread of
its own (a stream), which wait for nobody between two layers; by OpenVINO's convolutions alone, or some by our own.
Loading and predicting import no torch.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ConfigError
from .. import winograd
from ..job import Job, Runner
from ..openvino_core import core, runtime
from ..plan import Plan, fastest, plans

if TYPE_CHECKING:
    from ...network import ImageClassifier

__all__ = ["compile", "load"]

_MODEL, _WEIGHTS, _BLOB, _PLAN = "model.xml", "model.bin", "model.blob", "plan.json"
_ONNX = "model.onnx"  # while it compiles
_PRECISIONS = ("float32", "bfloat16", "int8")


def compile(model: ImageClassifier, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Writes model.xml and model.bin in float32, model.blob (compiled) and plan.json.

    For int8, NNCF rounds weights and activations to 8 bits, whose ranges it takes from `pictures`.
    Raises ConfigError for a precision or device that OpenVINO does not have here.
    """
    if job.device != "cpu" or job.precision not in _PRECISIONS:
        raise ConfigError(f"openvino computes in {', '.join(_PRECISIONS)} on a cpu, not {job.precision}, {job.device}")
    if job.precision == "bfloat16" and not _has_bfloat16():
        raise ConfigError("openvino has no bfloat16 on this processor; float32 works")
    converted = _converted(model, job, folder)
    if job.precision == "int8":
        converted = _quantised(converted, pictures)
    runtime().save_model(converted, folder / _MODEL, compress_to_fp16=False)
    (folder / _ONNX).unlink()

    way, compiled = _fastest(job, folder)
    (folder / _BLOB).write_bytes(compiled.export_model().getbuffer())
    text = json.dumps({**way.to_json(), "made_for": _made_for(way)}, indent=2)
    (folder / _PLAN).write_text(text + "\n", encoding="utf-8")


def load(folder: Path, job: Job) -> Runner:
    """The runner of what `compile` wrote. Another OpenVINO or processor than there compiles model.xml again."""
    written = json.loads((folder / _PLAN).read_text(encoding="utf-8"))
    way = _Way.from_json(written)
    if way.has_winograd and _operator() is None:
        way = replace(way, has_winograd=False)
    elif written["made_for"] == _made_for(way):
        settings = _settings(job, way)
        if not way.has_winograd:
            settings["WEIGHTS_PATH"] = str(folder / _WEIGHTS)
        return _runner(core().import_model((folder / _BLOB).read_bytes(), "CPU", settings), way.plan, job)
    return _runner(_compiled(job, folder, way), way.plan, job)


@dataclass(frozen=True, slots=True)
class _Way:
    """How a network is computed: split by a plan, and with fewer products or not."""

    plan: Plan
    has_winograd: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"plan": self.plan.to_json(), "winograd": self.has_winograd}

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> _Way:
        return cls(Plan(**written["plan"]), written.get("winograd", False))


def _fastest(job: Job, folder: Path) -> tuple[_Way, Any]:
    """The fastest of all ways, and what it was compiled to."""
    has_ours = job.precision == "float32" and _operator() is not None
    made: dict[_Way, Any] = {}
    for has_winograd in (False, True) if has_ours else (False,):
        for plan in plans(job):
            way = _Way(plan, has_winograd)
            compiled = _compiled(job, folder, way)
            if compiled is not None:
                made[way] = compiled
        best = fastest({way: _runner(compiled, way.plan, job) for way, compiled in made.items()}, job)
        made = {best: made[best]}  # the others' memory is free again
    return best, made[best]


def _compiled(job: Job, folder: Path, way: _Way) -> Any:
    """model.xml for this machine; None for a network without convolutions that Winograd's algorithm makes faster."""
    network = core().read_model(folder / _MODEL)  # only so does it know where model.bin has each weight, for the blob
    network.reshape([-1 if way.plan.piece is None else way.plan.piece, *job.input_size])
    if way.has_winograd:
        operator = _operator()
        if operator is None or not winograd.replace_convolutions(network, operator):
            return None
    return core().compile_model(network, "CPU", _settings(job, way))


@cache
def _operator() -> Path | None:
    """Our convolution, made known to the Core; None where it cannot be had."""
    found = winograd.library(runtime())
    if found is not None:
        core().add_extension(found)
    return found


def _converted(model: ImageClassifier, job: Job, folder: Path) -> Any:
    """An openvino.Model of any batch, by way of a file of ONNX: OpenVINO's own converter takes five times as long."""
    import torch

    from ..onnx_export import export_onnx, rewritten

    path = folder / _ONNX
    export_onnx(rewritten(model), torch.zeros(2, *job.input_size), path, ("image", "logits"), batch="batch")
    return core().read_model(path)


def _quantised(network: Any, pictures: np.ndarray) -> Any:
    """Post-training quantisation: weights by channel, activations by layer, means corrected.

    Activations range from the least to the most of all pictures. NNCF's own default, the mean of each picture's ends,
    cuts off what half of the pictures reach: logits were up to ten times as far from float32's (densenet121).
    """
    os.environ.setdefault("NNCF_CI", "1")  # otherwise NNCF reports its use to its makers
    import logging

    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf.quantize(
        network,
        nncf.Dataset(range(len(pictures)), lambda index: np.ascontiguousarray(pictures[index : index + 1])),
        subset_size=len(pictures),
        target_device=nncf.TargetDevice.CPU,
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
        ),
    )


def _has_bfloat16() -> bool:
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _settings(job: Job, way: _Way) -> dict[str, str]:
    exact = job.precision == "float32" or not _has_bfloat16()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32" if exact else "bf16",  # for int8: of what stays floating-point
        "PERFORMANCE_HINT": job.hint.upper(),
        "NUM_STREAMS": str(way.plan.streams),  # over the hint's own, which leaves threads idle for a single batch
        # The blob without weights, which model.bin has; but a blob with operators of others is only read with them.
        "CACHE_MODE": "OPTIMIZE_SPEED" if way.has_winograd else "OPTIMIZE_SIZE",
    }
    if job.threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(job.threads)
    return settings


def _runner(compiled: Any, plan: Plan, job: Job) -> Runner:
    if plan.is_whole(job):
        request = compiled.create_infer_request()

        def run(images: np.ndarray) -> np.ndarray:
            request.infer({0: np.ascontiguousarray(images)}, share_inputs=True)
            return np.array(request.get_output_tensor(0).data)

        return run

    queue = runtime().AsyncInferQueue(compiled, plan.streams)
    classes = compiled.output(0).partial_shape[1].get_length()

    def keep(request: Any, place: tuple[np.ndarray, int]) -> None:
        answers, start = place
        part = request.get_output_tensor(0).data
        answers[start : start + len(part)] = part

    queue.set_callback(keep)

    def run_pieces(images: np.ndarray) -> np.ndarray:
        images = np.ascontiguousarray(images)
        answers = np.empty((len(images), classes), np.float32)
        piece = plan.piece_of(len(images))
        for start in range(0, len(images), piece):
            queue.start_async({0: images[start : start + piece]}, (answers, start), share_inputs=True)
        queue.wait_all()
        return answers

    return run_pieces


def _made_for(way: _Way) -> list[str]:
    """What a blob depends on."""
    name, abilities = (core().get_property("CPU", key) for key in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES"))
    operator = _operator() if way.has_winograd else None  # another release of it may take other attributes
    return [runtime().__version__, name, *sorted(abilities), *([operator.name] if operator else [])]
