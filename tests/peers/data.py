"""Reading pictures beside its peers: the same JPEG files to batches of 224 px tensors, each in a process of its own.

    python tests/peers/data.py [--pictures 1600] [--workers 2]

The pictures are 500x375 JPEG files (quality 90) cut at random from the two photographs that scikit-learn brings,
enlarged where they are smaller; without scikit-learn they are painted, and the first line says so. Ours is the loader
of `cvp train` with its default augmentation, on class folders and on shards that `cvp data shard` wrote: decoded in
the first epoch, from its cache of decoded pictures after that. Decode mode: at full size, with libjpeg-turbo's exact
transform and smooth upsampling, the pixels that Pillow gives; the crops are then resized by torch's antialiased kernel
where the others use Pillow's. torchvision is ImageFolder in a DataLoader with the same variations (crop, flip, colour)
by its own v2, timm its own loader with its defaults, and webdataset a WebLoader of the same shards with torchvision's
transform, all with as many workers. An epoch's time contains the start of its workers; all pictures are in memory (the
page cache) before. On a machine that does other work at the same time, read the ratio by seconds of computing.

Goals: in the first epoch 1.5 of torchvision and timm at a PSNR of at least 35 dB beside pictures decoded in full, from
the second epoch on 4 of them, and on shards 1.0 of webdataset.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from cvp_core.apart import call_apart

BATCH, CLASSES, SIZE, EPOCHS = 32, 4, 224, 6
SHAPE = (500, 375)


def make_pictures(folder: Path, count: int) -> str:
    """Writes them in class folders; says what they are."""
    try:
        from sklearn.datasets import load_sample_images
    except ImportError:
        from training import paint

        paint(folder, count)
        return "painted"
    from PIL import Image

    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    generator = np.random.default_rng(0)
    for index in range(count):
        photograph = photographs[index % len(photographs)]
        scale = generator.uniform(0.6, 1) * min(photograph.width / SHAPE[0], photograph.height / SHAPE[1])
        width, height = SHAPE[0] * scale, SHAPE[1] * scale
        left = generator.uniform(0, photograph.width - width)
        top = generator.uniform(0, photograph.height - height)
        box = (left, top, left + width, top + height)
        place = folder / f"class{index % CLASSES}" / f"{index:05d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        photograph.resize(SHAPE, Image.Resampling.BICUBIC, box).save(place, quality=90)
    return "cut from scikit-learn's photographs"


def epochs(batches: Callable[[int], Iterator[Any]]) -> dict[str, float]:
    """Images of the first epoch and of the median of the later ones, by second and by second of computing ("cpu")."""
    rates, cpu_rates = [], []
    for epoch in range(EPOCHS):
        began, computed = time.perf_counter(), cpu_seconds()
        count = sum(len(batch[1]) for batch in batches(epoch))
        cpu_rates.append(count / (cpu_seconds() - computed))
        rates.append(count / (time.perf_counter() - began))
    found = {"first": rates[0], "later": statistics.median(rates[1:])}
    return found | {"first cpu": cpu_rates[0], "later cpu": statistics.median(cpu_rates[1:])}


def cpu_seconds() -> float:
    """What this process and its workers, those that live and those that are gone, have computed."""
    times = os.times()
    ticks = 0
    for process in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = process.read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15])) if int(fields[1]) == os.getpid() else 0
    return sum(times[:4]) + ticks / os.sysconf("SC_CLK_TCK")


def ours(data: str, workers: int, folder: str) -> dict[str, float]:
    from cvp_core.data import open_data
    from cvp_core.data.loading import Normalise, make_loader
    from cvp_core.spec import Preprocess

    os.environ["CVP_CACHE"] = str(Path(folder) / "cache")
    preprocess = Preprocess((SIZE, SIZE), round(SIZE / 0.875))
    loader = make_loader(
        open_data(data).train, preprocess, BATCH, is_training=True, augment="light", workers=workers, cache_gib=8.0,
        tinted=True,
    )  # fmt: skip
    normalise = Normalise(preprocess, "cpu")
    return epochs(lambda epoch: ((normalise(pixels), labels) for pixels, labels in loader.epoch(epoch)))


def torchvision_transform() -> Any:
    import torch
    from torchvision.transforms import v2

    return v2.Compose([
        v2.RandomResizedCrop(SIZE, scale=(0.6, 1.0)), v2.RandomHorizontalFlip(), v2.ColorJitter(0.2, 0.2, 0.2),
        v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])  # fmt: skip


def torchvision(data: str, workers: int, folder: str) -> dict[str, float]:
    import torch
    import torchvision

    images = torchvision.datasets.ImageFolder(data, torchvision_transform())
    loader = torch.utils.data.DataLoader(images, BATCH, shuffle=True, num_workers=workers, drop_last=True)
    return epochs(lambda epoch: iter(loader))


def timm(data: str, workers: int, folder: str) -> dict[str, float]:
    import timm
    import torch

    loader = timm.data.create_loader(
        timm.data.create_dataset("", root=data), (3, SIZE, SIZE), BATCH, is_training=True, use_prefetcher=False,
        num_workers=workers, device=torch.device("cpu"), color_jitter=0.4, hflip=0.5,
    )  # fmt: skip
    return epochs(lambda epoch: iter(loader))


def webdataset(data: str, workers: int, folder: str) -> dict[str, float]:
    import webdataset

    shards = sorted(map(str, Path(data).glob("train-*.tar")))
    transform = torchvision_transform()
    samples = (
        webdataset.WebDataset(shards, shardshuffle=len(shards))
        .shuffle(1000)
        .decode("pil")
        .to_tuple("jpg", "cls")
        .map_tuple(transform, int)
        .batched(BATCH, partial=False)
    )
    loader = webdataset.WebLoader(samples, batch_size=None, num_workers=workers)
    return epochs(lambda epoch: iter(loader))


def likeness(data: str, count: int, folder: str) -> dict[str, float]:
    """PSNR (dB) of the random crops that ours shows, colours unchanged, beside Pillow's of what it decodes in full."""
    from random import Random

    from PIL import Image

    from cvp_core.data import open_data
    from cvp_core.data.augment import smallest_crop
    from cvp_core.data.crop import cut, draw_box
    from cvp_core.data.decode import Pictures
    from cvp_core.spec import Preprocess

    os.environ["CVP_CACHE"] = str(Path(folder) / "cache")
    images = open_data(data).train
    pictures = Pictures(images, Preprocess((SIZE, SIZE), round(SIZE / 0.875)), smallest_crop("light"), 8.0)
    draws = Random(1)
    found = []
    for index in draws.sample(range(len(images)), count):
        own, full = pictures.whole(index), images.read(index)
        top, left, height, width = box = draw_box(*own.shape[:2], 0.6, draws)
        down, across = full.height / own.shape[0], full.width / own.shape[1]
        part = (left * across, top * down, (left + width) * across, (top + height) * down)
        expected = np.asarray(full.resize((SIZE, SIZE), Image.Resampling.BILINEAR, part), np.float64)
        error = float(np.square(cut(own, box, (SIZE, SIZE), "bilinear") - expected).mean())
        found.append(10 * math.log10(255**2 / max(1e-9, error)))
    return {"mean": statistics.mean(found), "worst": min(found)}


def shard(data: str, output: str, folder: str) -> dict[str, float]:
    from cvp_core.data import open_data
    from cvp_core.data.sharding import write_shards

    began = time.perf_counter()
    result = write_shards(open_data(data), output, shard_bytes=4_000_000)
    return {"shards": result.shards, "megabytes": result.size_bytes / 1e6, "seconds": time.perf_counter() - began}


def measured(target: str, **arguments: Any) -> dict[str, float]:
    answer = call_apart(f"data:{target}", arguments, time_limit=1800)
    if "error" in answer:
        raise SystemExit(f"{target} {arguments}: {answer['error']}")
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1600)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, shards = str(Path(folder) / "pictures"), str(Path(folder) / "shards")
        print(f"{given.pictures} pictures {make_pictures(Path(data), given.pictures)}, {given.workers} workers")
        written = measured("shard", data=data, output=shards)
        print(f"{written['shards']} shards, {written['megabytes']:.0f} MB, written in {written['seconds']:.1f} s")
        psnr = measured("likeness", data=data, count=100)
        print(f"PSNR of our crops: mean {psnr['mean']:.1f} dB, worst {psnr['worst']:.1f} dB (goal 35)")
        folders = measured("ours", data=data, workers=given.workers)
        for name in ("torchvision", "timm"):
            show("folder", folders, name, measured(name, data=data, workers=given.workers), (1.5, 4.0))
        packed = measured("ours", data=shards, workers=given.workers)
        show("shards", packed, "webdataset", measured("webdataset", data=shards, workers=given.workers), (1.0, 1.0))


def show(source: str, own: dict[str, float], name: str, peer: dict[str, float], goals: tuple[float, float]) -> None:
    for epoch, goal in zip(("first", "later"), goals, strict=True):
        ratio, cpu_ratio = (own[key] / peer[key] for key in (epoch, f"{epoch} cpu"))
        print(
            f"{source}, {epoch:<5} epoch: ours {own[epoch]:5.0f} images/s, {name:<11} {peer[epoch]:5.0f}: "
            f"{ratio:.2f} of it (goal {goal}); per second of computing {cpu_ratio:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
