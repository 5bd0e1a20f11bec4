"""The forward pass beside its peers: the same weights and pictures, each in a process of its own, in one run.

    python tests/peers/inference.py [--models densenet121,resnet50] [--batches 1,16] [--skip inductor,aoti]

Ours is what `cvp compile` keeps, once of float32 alone and once of all precisions. The peers are timm's own network
eager, with channels last, compiled by torch.compile, frozen by torch.jit, and its plain export to ONNX Runtime, for
which torch needs `pip install onnxscript`, and to OpenVINO (float32 and bfloat16). Those of them that are near the
fastest, and ours, are then timed again in ten rounds of a second each, in turns, whose medians count. Goals: ours at
least 1.0 of the best float32 peer in float32, 1.8 of timm eager as the geometric mean, and with all precisions, at
batch 16, 2.8 of the best float32 peer, 5.5 of timm eager and 1.1 of OpenVINO's plain bfloat16 export.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import warnings
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from turns import in_turns

from cvp_core.apart import call_apart

if TYPE_CHECKING:
    from cvp_core.compile.trial import Exam

Rows = dict[str, dict[str, Any]]  # by peer, or by ours: images a second, how far its logits are off, what was kept
MODELS = {  # ours: timm's
    "densenet121": "densenet121",
    "resnet50": "resnet50",
    "resnext50_32x4d": "resnext50_32x4d",
    "dpn92": "dpn92",
    "mobilenet_v2": "mobilenetv2_100",
}
PEERS32 = ("eager", "channels_last", "compile", "jit", "onnxruntime", "openvino")
PEERS = (*PEERS32, "openvino bfloat16")
SIZE = (3, 224, 224)
_NEAR = 0.6  # of the fastest float32 peer: those are timed again, since the machine may have been busy meanwhile


def prepare(model: str, folder: str, place: str) -> dict[str, Any]:
    """timm's network with random norms, its weights as ours, pictures and eager logits, below `place`."""
    import timm
    import torch

    import cvp_core
    from cvp_core.compile.sample import sample_pictures

    torch.manual_seed(0)
    net = timm.create_model(MODELS[model]).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
    torch.save(net.state_dict(), Path(place) / "timm.pth")
    ours = cvp_core.create_model(model).eval()
    ours.load_state_dict(cvp_core.convert_state_dict(model, net.state_dict(), source="timm"))
    cvp_core.save(Path(place) / "weights.safetensors", ours, classes=[str(index) for index in range(1000)])
    pictures = sample_pictures(SIZE)
    np.save(Path(place) / "pictures.npy", pictures)
    with torch.inference_mode():
        logits = torch.cat([net(part) for part in torch.from_numpy(pictures).split(8)]).numpy()
    np.save(Path(place) / "reference.npy", logits)
    return {}


def prepared(model: str, kind: str, batch: int, place: str) -> tuple[Callable[[], np.ndarray], float]:
    """What computes a batch of one peer, and how far its logits are from eager's."""
    import timm
    import torch

    from cvp_core.compile import parity

    warnings.simplefilter("ignore")
    net = timm.create_model(MODELS[model]).eval()
    net.load_state_dict(torch.load(Path(place) / "timm.pth", weights_only=True))
    images = np.load(Path(place) / "pictures.npy")[:batch]
    tensor = torch.from_numpy(images)
    if kind in ("eager", "channels_last", "compile", "jit"):
        if kind != "eager":
            net, tensor = net.to(memory_format=torch.channels_last), tensor.to(memory_format=torch.channels_last)
        if kind == "compile":
            net = torch.compile(net)
        if kind == "jit":
            net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, tensor)))

        def run() -> np.ndarray:
            with torch.inference_mode():
                answer: np.ndarray = net(tensor).numpy()
            return answer

    elif kind == "onnxruntime":
        import onnxruntime

        path = Path(place) / f"plain{batch}.onnx"
        if not path.exists():
            torch.onnx.export(net, (tensor,), str(path), dynamo=True, external_data=False, verbose=False)
        session = onnxruntime.InferenceSession(path)
        name = session.get_inputs()[0].name

        def run() -> np.ndarray:
            answer: np.ndarray = session.run(None, {name: images})[0]
            return answer

    else:
        import openvino

        path = Path(place) / f"plain{batch}.xml"
        if not path.exists():
            converted = openvino.convert_model(net, example_input=tensor)
            openvino.save_model(converted, path, compress_to_fp16=False)
        hint = "bf16" if kind.endswith("bfloat16") else "f32"
        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": hint})

        def run() -> np.ndarray:
            answer: np.ndarray = compiled(images)[0]
            return answer

    logits = run().copy()
    found = parity.compare(np.load(Path(place) / "reference.npy")[:batch], logits)
    return run, found.logits


def called(model: str, kind: str, batch: int, place: str) -> Callable[[], np.ndarray]:
    """What computes a batch of one peer."""
    return prepared(model, kind, batch, place)[0]


def peer(model: str, kind: str, batch: int, seconds: float, folder: str, place: str) -> dict[str, Any]:
    """Images a second of one peer, and how far its logits are from eager's."""
    from cvp_core.compile.timing import measure

    run, logits = prepared(model, kind, batch, place)
    return {"images_per_s": batch / measure(run, seconds=seconds).p50, "logits": logits}


def kept(backend: str, job: dict[str, Any], payload: str, place: str) -> Callable[[], np.ndarray]:
    """What computes a batch of ours."""
    from cvp_core.compile.artifact import load_payload
    from cvp_core.compile.job import Job
    from cvp_core.registry import backend_of

    asked = Job.from_json(job)
    run = load_payload(backend_of(backend), Path(payload), asked)
    images = np.load(Path(place) / "pictures.npy")[: asked.batch_size]
    return lambda: run(images)


def near(rows: Rows) -> list[str]:
    """The peers that are as fast as the fastest of float32, but for noise, and the one of bfloat16."""
    rates = {kind: row["images_per_s"] for kind, row in rows.items() if "images_per_s" in row}
    fastest = max((rates[kind] for kind in PEERS32 if kind in rates), default=0.0)
    return [kind for kind, rate in rates.items() if rate >= _NEAR * fastest]


def exam_of(place: Path, batch: int) -> tuple[Path, Exam]:
    """What candidates for a batch are asked, and the folder for what they make, which must hold the weights too."""
    from cvp_core.compile.trial import Exam

    folder = place / f"batch{batch}"
    folder.mkdir()
    weights = folder / "weights.safetensors"
    weights.hardlink_to(place / weights.name)
    pictures = place / "pictures.npy"
    return folder, Exam(weights, pictures, np.load(place / "reference.npy"), calibration=pictures)


def compare(model: str, batch: int, seconds: float, skip: Container[str], place: Path) -> Rows:
    """Images a second of the peers and of ours, of float32 alone and of all precisions."""
    from cvp_core.compile import Job, candidates
    from cvp_core.compile.auto import best, run_off, run_trials

    rows: Rows = {}
    contenders: dict[str, tuple[Callable[..., Callable[[], np.ndarray]], dict[str, Any]]] = {}
    asked: dict[str, Any] = {"model": model, "batch": batch, "place": str(place)}
    for kind in PEERS:
        if kind not in skip:
            rows[kind] = call_apart("inference:peer", {**asked, "kind": kind, "seconds": seconds}, time_limit=600)
    for kind in near(rows):
        contenders[kind] = called, {**asked, "kind": kind}
    folder, exam = exam_of(place, batch)
    trying = candidates("auto", "auto", Job(SIZE, batch_size=batch))[0]
    trials = run_trials([each for each in trying if each.claim.spec.name not in skip], folder, exam, seconds=seconds)
    exact = run_off([trial for trial in trials if trial.candidate.job.precision == "float32"], exam)
    rest = run_off([trial for trial in trials if trial.candidate.job.precision != "float32"], exam)
    for trial in (*exact, *rest):
        print(f"    {trial.candidate.label:22} {trial.images_per_s:8.1f}  {trial.fault}", flush=True)
    fastest = max((best(group) for group in (exact, rest) if group), key=lambda trial: trial.images_per_s)
    for name, trial in (("cvp float32", best(exact)), ("cvp auto", fastest)):
        logits, job = trial.parity.logits if trial.parity else float("nan"), trial.candidate.job.to_json()
        rows[name] = {"images_per_s": trial.images_per_s, "logits": logits, "label": trial.candidate.label}
        given = {"backend": trial.candidate.backend, "job": job, "payload": str(trial.payload), "place": str(place)}
        contenders[name] = kept, given
    if contenders["cvp auto"] == contenders["cvp float32"]:
        del contenders["cvp auto"]
    for name, took in in_turns(contenders, 1.0).items():
        rows[name]["images_per_s"] = batch / took
    if "cvp auto" not in contenders:
        rows["cvp auto"] = rows["cvp float32"]
    return rows


def mean(ratios: list[float]) -> float:
    """Geometric."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--skip", default="", help="backends and peers to leave out")
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    skip = arguments.skip.split(",")
    table: dict[tuple[str, int], Rows] = {}
    for model in arguments.models.split(","):
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            answer = call_apart("inference:prepare", {"model": model, "place": name}, time_limit=300)
            if "error" in answer:
                print(model, answer["error"])
                continue
            for batch in map(int, arguments.batches.split(",")):
                print(f"{model}, batch {batch}", flush=True)
                rows = compare(model, batch, arguments.seconds, skip, place)
                table[model, batch] = rows
                for kind, row in rows.items():
                    if "error" in row:
                        print(f"  {kind:20} {row['error']}")
                    else:
                        speed, label = f"{row['images_per_s']:8.1f} images/s", row.get("label", "")
                        print(f"  {kind:20} {speed}  {row['logits']:.1e}  {label}")

    def ratios(ours: str, theirs: Iterable[str], batch: int | None) -> list[float]:
        found = []
        for (_, size), rows in table.items():
            others = [rows[kind]["images_per_s"] for kind in theirs if "images_per_s" in rows.get(kind, {})]
            if others and batch in (None, size):
                found.append(rows[ours]["images_per_s"] / max(others))
        return found

    print(
        "cvp float32 / best float32 peer, each row:", [f"{ratio:.2f}" for ratio in ratios("cvp float32", PEERS32, None)]
    )
    print(f"cvp float32 / timm eager: {mean(ratios('cvp float32', ['eager'], None)):.2f}")
    print(f"batch 16, cvp auto / best float32 peer: {mean(ratios('cvp auto', PEERS32, 16)):.2f}")
    print(f"batch 16, cvp auto / timm eager: {mean(ratios('cvp auto', ['eager'], 16)):.2f}")
    print(f"batch 16, cvp auto / plain OpenVINO bfloat16: {mean(ratios('cvp auto', ['openvino bfloat16'], 16)):.2f}")


if __name__ == "__main__":
    main()
