"""Training beside its peers: the same JPEG files, batch and model, each in a process of its own, in one run.

    python tests/peers/training.py [--models densenet121,resnet50] [--steps 6] [--size 224] [--rounds 1]
                                   [--peers 'torchvision,timm,torchvision by hand']

Ours is `cvp train` as it is. The peers are the loops of torchvision's and timm's reference scripts with their default
settings on a CPU (float32, their own loaders with one worker a core), and torchvision's again with bfloat16 autocast
and channels last switched on by hand. Goals: ours at least 2.0 of each and 1.2 of the last; the pipeline alone at
least 4 times what the model takes. The first two steps are not counted. Of several rounds, in which ours and the peers
take turns, each one's fastest counts: others on the machine only make it slower.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from cvp_core.apart import call_apart

BATCH, CLASSES, WARM_UP = 32, 4, 2
PEERS = ("torchvision", "timm", "torchvision by hand")


def paint(folder: Path, count: int) -> None:
    """JPEG files of 500x375 pixels with the spectrum of photographs, in class folders."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for index in range(count):
        place = folder / f"class{index % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        layers = [generator.normal(0, 60 / 2**octave, (3, 3 * 2**octave, 4 * 2**octave)) for octave in range(7)]
        picture = sum(
            np.stack([np.asarray(Image.fromarray(part.astype(np.float32)).resize((500, 375))) for part in layer], -1)
            for layer in layers
        )
        Image.fromarray((picture + 128).clip(0, 255).astype(np.uint8)).save(place / f"{index}.jpg", quality=90)


def ours(model: str, data: str, size: int, folder: str) -> dict[str, Any]:
    from cvp_core.train import Callback, plan, train

    os.environ["CVP_CACHE"] = str(Path(folder) / "cache")
    times: list[float] = []

    class Watch(Callback):
        def on_progress(self, progress: Any) -> None:
            times.append(time.perf_counter())

    given = {"model": model, "data": data, "epochs": 1, "batch_size": BATCH, "image_size": size, "val_fraction": 0.01}
    train(plan(given, runs_dir=folder, store=folder), [Watch()])
    return {"images_per_s": speed(times)}


def pipeline(data: str, size: int, epochs: int, folder: str) -> dict[str, Any]:
    """Our loader alone, with cvp train's settings: the first epoch and a later one."""
    from cvp_core.data import open_data
    from cvp_core.data.loading import Normalise, make_loader
    from cvp_core.spec import Preprocess

    os.environ["CVP_CACHE"] = str(Path(folder) / "cache")
    images = open_data(data).train
    preprocess = Preprocess((size, size), round(size / 0.875))
    loader = make_loader(images, preprocess, BATCH, is_training=True, augment="light", cache_gib=8.0, tinted=True)
    normalise = Normalise(preprocess, "cpu")
    found = []
    for epoch in range(epochs):
        began = time.perf_counter()
        count = sum(len(normalise(pixels)) for pixels, _ in loader.epoch(epoch))
        found.append(count / (time.perf_counter() - began))
    return {"first": found[0], "later": found[-1]}


def peer(kind: str, model: str, data: str, size: int, folder: str) -> dict[str, Any]:
    import contextlib

    import torch
    from torch import nn

    is_fast = kind.endswith("by hand")
    threads = len(os.sched_getaffinity(0))
    if kind == "timm":
        import timm

        net: nn.Module = timm.create_model(model, num_classes=CLASSES)
        loader: Any = timm.data.create_loader(
            timm.data.create_dataset("", root=data), (3, size, size), BATCH, is_training=True, use_prefetcher=False,
            num_workers=threads, device=torch.device("cpu"), color_jitter=0.4, hflip=0.5,
        )  # fmt: skip
    else:
        import torchvision
        from torchvision.transforms import v2

        net = torchvision.models.get_model(model, num_classes=CLASSES)
        transform = v2.Compose([
            v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip(), v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ])  # fmt: skip
        images = torchvision.datasets.ImageFolder(data, transform)
        loader = torch.utils.data.DataLoader(images, BATCH, shuffle=True, num_workers=threads, drop_last=True)
    if is_fast:
        net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    net.train()
    times = []
    for pictures, labels in loader:
        if is_fast:
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16) if is_fast else contextlib.nullcontext():
            loss = nn.functional.cross_entropy(net(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        float(loss)  # the scripts log it
        times.append(time.perf_counter())
    return {"images_per_s": speed(times)}


def speed(times: list[float]) -> float:
    return BATCH * (len(times) - WARM_UP) / (times[-1] - times[WARM_UP - 1])


def measured(target: str, **arguments: Any) -> dict[str, Any]:
    answer = call_apart(f"training:{target}", arguments, time_limit=1800)
    if "error" in answer:
        raise SystemExit(f"{target} {arguments}: {answer['error']}")
    return answer


def rows(given: argparse.Namespace, data: str) -> Iterator[tuple[str, float, dict[str, float]]]:
    kinds = given.peers.split(",")
    for model in given.models.split(","):
        job = {"model": model, "data": data, "size": given.size}
        ours, peers = [], {kind: [] for kind in kinds}
        for _ in range(given.rounds):
            ours.append(measured("ours", **job)["images_per_s"])
            for kind, found in peers.items():
                found.append(measured("peer", kind=kind, **job)["images_per_s"])
        yield model, max(ours), {kind: max(found) for kind, found in peers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="densenet121,resnet50")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--peers", default=",".join(PEERS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "pictures"
        paint(data, BATCH * (given.steps + WARM_UP) + CLASSES)
        alone = measured("pipeline", data=str(data), size=given.size, epochs=3)
        print(f"pipeline alone: {alone['first']:.0f} images/s in the first epoch, {alone['later']:.0f} later")
        for model, found, peers in rows(given, str(data)):
            beside = "   ".join(f"{kind} {value:.1f} ({found / value:.2f})" for kind, value in peers.items())
            print(
                f"{model:<14} ours {found:.1f} images/s   {beside}   pipeline {alone['first'] / found:.1f}", flush=True
            )


if __name__ == "__main__":
    main()
