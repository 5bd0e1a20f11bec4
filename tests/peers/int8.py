"""OpenVINO's int8 beside its bfloat16: how much faster on a batch, and what it costs on a trained network.

    python tests/peers/int8.py [MODEL[=WEIGHTS] ...] [--data birds] [--paint COUNT] [--size 80] [--epochs 6]

A model without WEIGHTS is trained for a few epochs on DATA at `--size` pixels, in which painted birds are told apart.
Speed is that of 224 pixels and batch 16, in rounds that take turns; accuracy that on `--pictures` of the validation
share at the size of training; the sample of birds has 160 there, `--paint 800` paints as many to train on and
`--pictures` others to judge by. Goal: 1.3 of bfloat16 on three of the five, for at most half a percentage point.
Beside float32 where OpenVINO has no bfloat16: its accuracy is told, its speed says nothing of that goal.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from cvp_core.apart import call_apart

if TYPE_CHECKING:
    from cvp_core.compile.trial import Trial

Trials = dict[str, "Trial"]  # by precision
MODELS = ("densenet121", "resnet50", "resnext50_32x4d", "dpn92", "mobilenet_v2")
BATCH, SIDE = 16, 224
MAX_DROP, RATIO = 0.5, 1.3
LIMIT_S = 1200.0


def base() -> str:
    """What int8 is compared with."""
    from cvp_core.compile import Job, candidates

    tried = {candidate.job.precision for candidate in candidates("openvino", "auto", Job((3, SIDE, SIDE)))[0]}
    return "bfloat16" if "bfloat16" in tried else "float32"


def paint_birds(folder: Path, count: int, judged: int) -> None:
    """Birds of which none is a copy of another: about `count` of them to train on, `judged` others."""
    from cvp_core.data.birds import CLASSES, paint

    first = 0
    for split, share in (("train", count // len(CLASSES)), ("val", judged // len(CLASSES))):
        for label, name in enumerate(CLASSES):
            place = folder / split / name
            place.mkdir(parents=True)
            for index in range(first, first + share):
                paint(label, index).save(place / f"{index:05}.jpg", quality=90)
        first += share


def trained(model: str, data: str, size: int, epochs: int, store: str, folder: str) -> dict[str, Any]:
    """Weights in `store`, of a net that was trained on `data`."""
    from cvp_core.train import plan, train

    given = {"model": model, "data": data, "epochs": epochs, "image_size": size, "batch_size": 32}
    result = train(plan(given, runs_dir=Path(folder) / "runs", store=store), [])
    return {"weights": str(result.weights)}


def prepare(weights: str, data: str, side: int, count: int, place: str, folder: str) -> dict[str, Any]:
    """`count` pictures of `side` pixels (0: that of training) and others to calibrate on, labels, float32's answers."""
    import torch

    from cvp_core.data import open_data
    from cvp_core.evaluate import draw, match_classes, pick_split
    from cvp_core.weights.format import load_model

    model, header = load_model(Path(weights))
    preprocess = header.preprocess
    if side:
        preprocess = preprocess.fitted((preprocess.channels, side, side))
    splits = open_data(data)
    seed, fraction = int(header.training.get("seed", 0)), float(header.training.get("val_fraction", 0.2))
    judged, others = (pick_split(splits, name, seed=seed, val_fraction=fraction)[1] for name in ("auto", "train"))
    pictures, labels = draw(judged, preprocess, count)
    calibration, _ = draw(others, preprocess, 300)
    with torch.inference_mode():
        reference = torch.cat([model(part) for part in torch.from_numpy(pictures).split(16)]).numpy()
    found = {
        "pictures": pictures,
        "calibration": calibration,
        "labels": match_classes(splits.classes, header.classes, header.model)[labels],
        "reference": reference,
    }
    for name, array in found.items():
        np.save(Path(place) / f"{name}.npy", array)
    return {"size": list(pictures.shape[1:])}


def trials(weights: str, data: str, side: int, count: int, seconds: float, place: Path) -> tuple[Trials, Any]:
    """The trial of each precision, compiled below `place`, and its exam. Raises RuntimeError if one fails."""
    from cvp_core.compile import Job, candidates
    from cvp_core.compile.manifest import WEIGHTS
    from cvp_core.compile.trial import Exam, run_trial

    asked = {"weights": weights, "data": data, "side": side, "count": count, "place": str(place)}
    facts = call_apart("int8:prepare", asked, time_limit=LIMIT_S)
    if "error" in facts:
        raise RuntimeError(facts["error"])
    (place / WEIGHTS).write_bytes(Path(weights).read_bytes())
    arrays = {name: np.load(place / f"{name}.npy") for name in ("reference", "labels")}
    exam = Exam(
        place / WEIGHTS, place / "pictures.npy", calibration=place / "calibration.npy", max_drop=MAX_DROP, **arrays
    )
    channels, height, width = facts["size"]
    found: Trials = {}
    for precision in (base(), "int8"):
        job = Job((channels, height, width), batch_size=BATCH)
        (candidate,) = candidates("openvino", precision, job, may_be_lossy=True)[0]
        trial = run_trial(candidate, place / f"payload-{precision}", exam, seconds=seconds, time_limit=LIMIT_S)
        if trial.timing is None:
            raise RuntimeError(f"{trial.candidate.label}: {trial.fault}")
        found[precision] = trial
    return found, exam


def rates(found: Trials, exam: Any, rounds: int) -> dict[str, float]:
    """Images a second of each, timed in turns; the median of the rounds."""
    from cvp_core.compile.trial import run_in_turns

    each: dict[str, list[float]] = {precision: [] for precision in found}
    for _ in range(rounds):
        for precision, trial in zip(found, run_in_turns([*found.values()], exam, time_limit=LIMIT_S), strict=True):
            if not trial.is_final:  # faults of before, what int8 costs at this size, say nothing of speed
                raise RuntimeError(f"{trial.candidate.label}: {trial.fault}")
            each[precision].append(trial.images_per_s)
    return {precision: statistics.median(values) for precision, values in each.items()}


def measure(model: str, weights: str, given: argparse.Namespace) -> bool:
    """Prints a line; whether it reaches the goal."""
    store = str(given.keep or Path(given.scratch))
    if not weights:
        asked = {"model": model, "data": given.data, "size": given.size, "epochs": given.epochs, "store": store}
        answer = call_apart("int8:trained", asked, time_limit=LIMIT_S)
        if "error" in answer:
            raise RuntimeError(f"training: {answer['error']}")
        weights = answer["weights"]
    with tempfile.TemporaryDirectory(dir=given.scratch) as place:
        judged = trials(weights, given.data, 0, given.pictures, 0.2, Path(place))[0]["int8"]
    with tempfile.TemporaryDirectory(dir=given.scratch) as place:
        found, exam = trials(weights, given.data, SIDE, 2 * BATCH, given.seconds, Path(place))
        rate = rates(found, exam, given.rounds)
    accuracy, parity = judged.accuracy, judged.parity
    assert accuracy is not None  # int8 is judged by labels
    assert parity is not None
    ratio = rate["int8"] / rate[base()]
    speeds = f"{rate[base()]:8.1f} {rate['int8']:8.1f} {ratio:6.2f}"
    print(
        f"{model:18} {speeds}   {accuracy.plain:8.2%} {accuracy.drop:6.2f} {parity.logits:7.3f} {accuracy.pictures:9}",
        flush=True,
    )
    return bool(ratio >= RATIO and accuracy.drop <= MAX_DROP)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL[=WEIGHTS]")
    parser.add_argument("--data", default="birds")
    parser.add_argument("--paint", type=int, metavar="COUNT", help="birds to train on, and --pictures to judge by")
    parser.add_argument("--pictures", type=int, default=1000, help="to judge by, at most")
    parser.add_argument("--size", type=int, default=80, help="pixels a side in training")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--keep", type=Path, help="a folder for the weights that are trained")
    given = parser.parse_args()
    print(f"images/s: {SIDE} pixels, batch {BATCH}. accuracy, points that int8 loses, how far its logits: as trained")
    speed, worth = f"{base():>8} {'int8':>8} {'ratio':>6}", f"{'accuracy':>8} {'drop':>6} {'logits':>7} {'pictures':>9}"
    print(f"{'model':18} {speed}   {worth}", flush=True)
    good = 0
    with tempfile.TemporaryDirectory() as given.scratch:
        if given.paint:
            given.data = str(Path(given.scratch) / "birds")
            paint_birds(Path(given.data), given.paint, given.pictures)
        for name in given.models:
            model, _, weights = name.partition("=")
            try:
                good += measure(model, weights, given)
            except RuntimeError as error:
                print(f"{model:18} {error}", flush=True)
    print(f"{good} of {len(given.models)} reach {RATIO} of {base()} within {MAX_DROP} points")
    return 0


if __name__ == "__main__":
    sys.exit(main())
