"""The forward pass on a GPU beside its peers: the same weights, each in a process of its own, in one run.

    python tests/peers/inference_gpu.py [--models dpn92,resnet50] [--batches 1,64,256] [--device cuda]

Ours is what `cvp compile` keeps. The peers are timm's own network eager in float32, with channels last and autocast,
that compiled by torch.compile in its mode max-autotune, and by TensorRT where torch_tensorrt is installed. Two figures
each: with the pictures on the GPU and the logits left there, which is how timm's tables are made, and from pictures in
main memory to logits there, which is what a server waits for. Goals, by the first: ours at least 1.1 of the best peer
in every row, 2.0 on dpn92.

Compiling takes minutes a row; where time is short give it a model and a batch.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from inference import MODELS, SIZE, exam_of, mean

from cvp_core.apart import call_apart

if TYPE_CHECKING:
    import torch

    from cvp_core.compile.trial import Trial

Rows = dict[str, dict[str, Any]]  # by peer, and "cvp": both figures, how far its logits are off
LIMIT_S = 600
PEERS = ("eager", "autocast", "max-autotune", "tensorrt")


def pictures_of(place: str, batch: int) -> np.ndarray:
    """As many as asked, those of the place over and over."""
    images = np.load(Path(place) / "pictures.npy")
    return np.ascontiguousarray(images[np.arange(batch) % len(images)])


def timed(
    call: Callable[[torch.Tensor], torch.Tensor],
    placed: Callable[[np.ndarray], torch.Tensor],
    images: np.ndarray,
    place: str,
    seconds: float,
) -> dict[str, Any]:
    """Images a second on the device and from main memory, and how far the logits are from eager float32's on a CPU."""
    import torch

    from cvp_core.compile import parity
    from cvp_core.compile.timing import measure

    there = placed(images)

    def on_device() -> None:
        call(there)
        if there.device.type == "cuda":
            torch.cuda.synchronize(there.device)

    def from_memory() -> np.ndarray:
        answer: np.ndarray = call(placed(images)).to("cpu", torch.float32).numpy()
        return answer

    with torch.inference_mode():
        logits = from_memory()
        reference = np.load(Path(place) / "reference.npy")
        compared = min(len(logits), len(reference))
        rates = [len(images) / measure(each, seconds=seconds).p50 for each in (on_device, from_memory)]
    return {
        "images_per_s": rates[0],
        "from_memory": rates[1],
        "logits": parity.compare(reference[:compared], logits[:compared]).logits,
    }


def peer(model: str, kind: str, batch: int, device: str, seconds: float, folder: str, place: str) -> dict[str, Any]:
    """The figures of one peer."""
    import timm
    import torch

    warnings.simplefilter("ignore")
    net = timm.create_model(MODELS[model]).eval()
    net.load_state_dict(torch.load(Path(place) / "timm.pth", weights_only=True))
    form = torch.contiguous_format if kind == "eager" else torch.channels_last
    net = net.to(device, memory_format=form)
    if kind == "max-autotune":
        net = torch.compile(net, mode="max-autotune")
    elif kind == "tensorrt":
        import torch_tensorrt  # noqa: F401 - it makes its backend known

        net = torch.compile(net.half(), backend="tensorrt")
    dtype = torch.float16 if kind == "tensorrt" else torch.float32

    def call(images: torch.Tensor) -> torch.Tensor:
        casts = kind in ("autocast", "max-autotune")
        with torch.autocast(images.device.type, torch.bfloat16, enabled=casts):
            answer: torch.Tensor = net(images)
        return answer

    def placed(images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(images).to(device, dtype, memory_format=form)

    return timed(call, placed, pictures_of(place, batch), place, seconds)


def ours(
    backend: str, job: dict[str, Any], payload: str, batch: int, seconds: float, folder: str, place: str
) -> dict[str, Any]:
    """The figures of what was kept."""
    from cvp_core.compile.job import Job
    from cvp_core.compile.torch_runner import TensorRunner
    from cvp_core.registry import backend_of
    from cvp_core.targets import load_target

    claim = backend_of(backend)
    run = load_target(claim.spec.loader, claim.plugin.label)(Path(payload), Job.from_json(job))
    if not isinstance(run, TensorRunner):
        return {"error": f"{backend} does not compute on tensors"}
    return timed(run.logits, run.placed, pictures_of(place, batch), place, seconds)


def compare(model: str, batch: int, device: str, seconds: float, skip: list[str], place: Path) -> Rows:
    """All figures of one row."""
    from cvp_core.compile import Job, candidates
    from cvp_core.compile.auto import best, run_off, run_trials

    asked: dict[str, Any] = {"batch": batch, "seconds": seconds, "place": str(place)}
    rows: Rows = {}
    for kind in PEERS:
        if kind not in skip and (kind != "tensorrt" or find_spec("torch_tensorrt")):
            given = {**asked, "model": model, "kind": kind, "device": device}
            rows[kind] = call_apart("inference_gpu:peer", given, time_limit=LIMIT_S)
            show(kind, rows[kind])
    folder, exam = exam_of(place, batch)
    trying = candidates("auto", "auto", Job(SIZE, batch_size=batch, device=device))[0]
    trying = [each for each in trying if not {each.name, each.claim.spec.name} & set(skip)]
    trials = run_trials(trying, folder, exam, seconds=seconds, time_limit=LIMIT_S, tell=tell)
    kept = best(run_off(trials, exam))
    job = kept.candidate.job.to_json()
    given = {**asked, "backend": kept.candidate.backend, "job": job, "payload": str(kept.payload)}
    rows["cvp"] = call_apart("inference_gpu:ours", given, time_limit=LIMIT_S)
    show("cvp", rows["cvp"], kept.candidate.label)
    return rows


def tell(trial: Trial) -> None:
    print(f"    {trial.candidate.label:40} {trial.images_per_s:9.1f}  {trial.fault}", flush=True)


def show(name: str, row: dict[str, Any], label: str = "") -> None:
    if "error" in row:
        print(f"  {name:14} {row['error']}", flush=True)
    else:
        rates = f"{row['images_per_s']:9.1f} images/s, from memory {row['from_memory']:9.1f}"
        print(f"  {name:14} {rates}  {row['logits']:.1e}  {label}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batches", default="1,64,256")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--skip", default="", help="peers and backends to leave out, modes as NAME:MODE")
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    ratios: dict[str, dict[str, float]] = {"images_per_s": {}, "from_memory": {}}
    for model in arguments.models.split(","):
        with tempfile.TemporaryDirectory() as name:
            answer = call_apart("inference:prepare", {"model": model, "place": name}, time_limit=LIMIT_S)
            if "error" in answer:
                print(model, answer["error"])
                continue
            for batch in map(int, arguments.batches.split(",")):
                print(f"{model}, batch {batch}", flush=True)
                skip = arguments.skip.split(",")
                rows = compare(model, batch, arguments.device, arguments.seconds, skip, Path(name))
                for figure, found in ratios.items():
                    others = [row[figure] for kind, row in rows.items() if kind != "cvp" and figure in row]
                    if others and figure in rows["cvp"]:
                        found[f"{model}, {batch}"] = rows["cvp"][figure] / max(others)
    for figure, found in ratios.items():
        print(f"cvp / best peer, {figure}:", {row: round(ratio, 2) for row, ratio in found.items()})
        print(f"  geometric mean: {mean([*found.values()]):.2f}")


if __name__ == "__main__":
    main()
