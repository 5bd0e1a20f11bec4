"""How often a compiled checkpoint names what eager float32 names, on real pictures, by backend and precision.

    python tests/peers/agreement.py [CHECKPOINT ...] [--data DATA] [--count 10000] [--skip inductor,aoti]

CHECKPOINT is a weights file; without one, those in the repository's store. DATA defaults to what each was trained on;
counted are its test pictures, or else its validation pictures. Goal: 99% with every candidate of `--precision auto`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from cvp_core.apart import call_apart

STORE = Path(__file__).parents[2] / "weights"
GOAL = 0.99
BATCH = 16


def prepare(checkpoint: str, data: str, count: int, place: str, folder: str) -> dict[str, Any]:
    """Pictures, labels and eager float32's answers, below `place`."""
    import torch

    from cvp_core.data import open_data
    from cvp_core.evaluate import draw, match_classes, pick_split
    from cvp_core.weights.format import load_model

    model, header = load_model(Path(checkpoint))
    training = header.training
    splits = open_data(data or str(training["data"]))
    fraction = float(training.get("val_fraction", 0.2))
    split, images = pick_split(splits, "auto", seed=int(training.get("seed", 0)), val_fraction=fraction)
    pictures, labels = draw(images, header.preprocess, count)
    with torch.inference_mode():
        reference = torch.cat([model(part) for part in torch.from_numpy(pictures).split(64)]).numpy()
    np.save(Path(place) / "pictures.npy", pictures)
    np.save(Path(place) / "labels.npy", match_classes(splits.classes, header.classes, header.model)[labels])
    np.save(Path(place) / "reference.npy", reference)
    return {"data": splits.name, "split": split, "input_size": pictures.shape[1:], "model": header.model}


def answer(backend: str, job: dict[str, Any], payload: str, place: str, folder: str) -> dict[str, Any]:
    """A compiled payload's logits of all pictures, into answers.npy."""
    from cvp_core.compile import Job
    from cvp_core.compile.artifact import load_payload
    from cvp_core.registry import backend_of

    run = load_payload(backend_of(backend), Path(payload), Job.from_json(job))
    pictures = np.load(Path(place) / "pictures.npy", mmap_mode="c")
    parts = [run(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)]
    np.save(Path(place) / "answers.npy", np.concatenate(parts))
    return {}


def compare_all(checkpoint: Path, facts: dict[str, Any], place: Path, skip: list[str]) -> bool:
    """A line for each candidate; whether all of them reach the goal."""
    from cvp_core.compile import Job, candidates
    from cvp_core.compile.manifest import WEIGHTS
    from cvp_core.compile.parity import softmax

    reference, labels = np.load(place / "reference.npy"), np.load(place / "labels.npy")
    where = f"{len(labels)} {facts['split']} pictures of {facts['data']}"
    print(f"{checkpoint.name} ({facts['model']}), {where}")
    print(f"  {'eager float32':26} accuracy {(reference.argmax(1) == labels).mean():8.3%}")
    (place / WEIGHTS).write_bytes(checkpoint.read_bytes())
    all_agree = True
    channels, height, width = facts["input_size"]
    for candidate in candidates("auto", "auto", Job((channels, height, width), batch_size=BATCH))[0]:
        if candidate.claim.spec.name in skip:
            continue
        payload = Path(tempfile.mkdtemp(dir=place, prefix="payload-"))
        given = {"backend": candidate.backend, "job": candidate.job.to_json(), "payload": str(payload)}
        compiling = {**given, "weights": str(place / WEIGHTS), "calibration": str(place / "pictures.npy")}
        done = call_apart("cvp_core.compile.trial:compile_here", compiling, time_limit=900)
        if "error" not in done:
            done = call_apart("agreement:answer", {**given, "place": str(place)}, time_limit=900)
        if "error" in done:
            print(f"  {candidate.label:26} {done['error']}", flush=True)
            continue
        answers = np.load(place / "answers.npy")
        agreement = float((answers.argmax(1) == reference.argmax(1)).mean())
        accuracy = float((answers.argmax(1) == labels).mean())
        furthest = float(np.abs(softmax(answers) - softmax(reference)).max())
        all_agree &= agreement >= GOAL
        figures = f"accuracy {accuracy:8.3%}  agreement {agreement:8.3%}  probabilities within {furthest:.4f}"
        print(f"  {candidate.label:26} {figures}{'' if agreement >= GOAL else '  BELOW THE GOAL'}", flush=True)
    return all_agree


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", type=Path, default=sorted(STORE.glob("*.safetensors")))
    parser.add_argument("--data", default="")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--skip", default="", help="backends to leave out, with commas")
    given = parser.parse_args()
    is_good = True
    for checkpoint in given.checkpoints:
        with tempfile.TemporaryDirectory() as name:
            asked = {"checkpoint": str(checkpoint), "data": given.data, "count": given.count, "place": name}
            facts = call_apart("agreement:prepare", asked, time_limit=900)
            if "error" in facts:
                print(f"{checkpoint}: {facts['error']}")
                is_good = False
                continue
            is_good &= compare_all(checkpoint, facts, Path(name), given.skip.split(","))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
