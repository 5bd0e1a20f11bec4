"""What opening a folder costs by how many files it has, beside torchvision's ImageFolder, and what shards cost to read.

    python tests/peers/scale.py [--files 1e3 1e4 1e5 1e6] [--shards 200] [--plot scale.png]

The files are hard links to a few small pictures, in class folders of a thousand, below the temporary folder ($TMPDIR),
and are removed at the end. Every opening is a process of its own, timed after its imports and the search for plugins,
with the disk's folders in memory (the page cache) for all of them; of three the shortest, since the machine may be
shared. "again" is the second opening, from the index. Memory is what tracemalloc counts, Python's and NumPy's: held is
what stays while the data set is open, peak the most on the way there, by the disk or by the index. The steps are those
of `cvp train` to its first batch, `cvp data info` is the whole command. Shards of noise, --shards MB of them, are read
through once; memory is then the process's own (RssAnon), after every tenth.

Goals: with a million files 15 s the first time, 1 s again and 150 bytes a sample; shards in constant memory.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cvp_core.apart import call_apart
from cvp_core.targets import load_target

REPEATS = 3
IN_A_CLASS, LINKS = 1000, 50_000  # a file of ext4 has 65,000 names at most
GOALS = {"first": 15.0, "again": 1.0, "held": 150.0}
SECONDS = {"peer": "ImageFolder", "first": "cvp, the first time", "again": "cvp, again"}
BYTES = {"held": "cvp, held", "peak": "cvp, peak", "peer held": "ImageFolder, held", "peer peak": "ImageFolder, peak"}


def make_files(folder: Path, count: int) -> None:
    from PIL import Image

    classes = max(10, count // IN_A_CLASS)
    for label in range(classes):
        place = folder / f"class{label:04d}"
        place.mkdir(parents=True)
        for index in range(label * count // classes, (label + 1) * count // classes):
            source = folder.parent / f"{folder.name}-{index // LINKS}.png"
            if not source.exists():
                Image.new("RGB", (8, 8), (index // LINKS, 0, 0)).save(source)
            os.link(source, place / f"picture_{index:07d}.png")
        os.utime(place, (1e9, 1e9))  # what was changed within two seconds is not trusted to be complete
    os.utime(folder, (1e9, 1e9))


def opener(kind: str, folder: str) -> Callable[[str], Any]:
    """Opens a folder; has opened one of two files, so that all imports are done and plugins are found."""
    target = "torchvision.datasets:ImageFolder" if kind == "peer" else "cvp_core.data:open_data"
    open_it: Callable[[str], Any] = load_target(target, "scale.py")
    for name in "ab":
        Path(folder, "two", name).mkdir(parents=True)
        Path(folder, "two", name, "0.png").touch()
    open_it(str(Path(folder, "two")))
    return open_it


def opened(kind: str, data: str, folder: str) -> dict[str, float]:
    open_it = opener(kind, folder)
    began = time.perf_counter()
    pictures = open_it(data)
    return {"seconds": time.perf_counter() - began, "pictures": len(getattr(pictures, "train", pictures))}


def traced(kind: str, data: str, folder: str) -> dict[str, float]:
    """Bytes a sample."""
    open_it = opener(kind, folder)
    gc.collect()
    tracemalloc.start()
    pictures = open_it(data)
    gc.collect()
    held, peak = tracemalloc.get_traced_memory()
    count = len(getattr(pictures, "train", pictures))
    return {"held": held / count, "peak": peak / count}


def steps(data: str, folder: str) -> dict[str, float]:
    """Seconds of each step to the first batch of training."""
    from cvp_core.data import open_data, with_validation
    from cvp_core.data.loading import make_loader
    from cvp_core.spec import Preprocess

    opener("cvp", folder)
    clock = [time.perf_counter()]
    splits = open_data(data)
    clock.append(time.perf_counter())
    splits = with_validation(splits, 0.2)
    clock.append(time.perf_counter())
    loader = make_loader(splits.train, Preprocess((32, 32), 32), 32, is_training=True, augment="light")
    next(iter(loader.epoch(0)))
    clock.append(time.perf_counter())
    make_loader(splits.train, Preprocess((32, 32), 32), 32, is_training=True, augment="light", cache_gib=1.0)
    clock.append(time.perf_counter())
    names = ("open", "stratified split", "loader and first batch", "the loader's cache, which looks at every file")
    return {name: end - begin for name, begin, end in zip(names, clock, clock[1:], strict=False)}


def write_noise(megabytes: int, output: str, folder: str) -> dict[str, int]:
    import numpy as np
    from PIL import Image

    from cvp_core.data import DataSplits, FileSet
    from cvp_core.data.sharding import write_shards

    generator, paths = np.random.default_rng(0), []
    for index in range(20):  # of 180 x 180 pixels, which PNG cannot make fewer bytes: 98 KB
        paths.append(Path(folder, f"{index}.png"))
        Image.fromarray(generator.integers(0, 256, (180, 180, 3), dtype=np.uint8)).save(paths[-1])
    count = megabytes * 1_000_000 // 98_000
    images = FileSet([paths[index % 20] for index in range(count)], np.arange(count) % 2)
    written = write_shards(DataSplits("noise", ("a", "b"), images, None, None, folder), output, shard_bytes=20_000_000)
    return {"shards": written.shards, "bytes": written.size_bytes, "pictures": count}


def read_shards(data: str, folder: str) -> dict[str, list[float]]:
    """MB of memory when the shards are open, and after each tenth of an epoch."""
    from cvp_core.data import open_data
    from cvp_core.data.loading import make_loader
    from cvp_core.spec import Preprocess

    loader = make_loader(open_data(data).train, Preprocess((32, 32), 32), 16, is_training=True, augment="light")
    found = [resident()]
    for step, _ in enumerate(loader.epoch(0), start=1):
        if step * 10 // len(loader) > (step - 1) * 10 // len(loader):
            found.append(resident())
    return {"megabytes": found}


def resident() -> float:
    gc.collect()
    return int(Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0]) / 1000


def measured(target: str, **arguments: Any) -> dict[str, Any]:
    answer = call_apart(f"scale:{target}", arguments, time_limit=1800)
    if "error" in answer:
        raise SystemExit(f"{target} {arguments}: {answer['error']}")
    return answer


def folders(counts: Sequence[int]) -> list[dict[str, float]]:
    """A row of figures for each count."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            make_files(Path(place) / "set", count)
            data = str(Path(place) / "set")
            row: dict[str, float] = {"files": count} | dict.fromkeys(SECONDS, math.inf)
            for repeat in range(REPEATS):
                os.environ["CVP_CACHE"] = str(Path(place) / f"cache{repeat}")
                for name in SECONDS:
                    row[name] = min(row[name], measured("opened", kind=name, data=data)["seconds"])
            row |= measured("traced", kind="again", data=data)
            os.environ["CVP_CACHE"] = str(Path(place) / "empty")
            row["peak"] = max(row["peak"], measured("traced", kind="first", data=data)["peak"])
            row |= {f"peer {name}": value for name, value in measured("traced", kind="peer", data=data).items()}
            print(f"{count:,} files")
            print("   seconds: " + ", ".join(f"{label} {row[name]:.3f}" for name, label in SECONDS.items()))
            print(
                "   bytes a sample: " + ", ".join(f"{label} {row[name]:.0f}" for name, label in BYTES.items()),
                flush=True,
            )
            if count == max(counts):
                os.environ["CVP_CACHE"] = str(Path(place) / "cache0")
                began = time.perf_counter()
                subprocess.run([sys.executable, "-m", "cvp_cli", "data", "info", data], check=True, capture_output=True)
                print(f"   cvp data info {time.perf_counter() - began:.2f} s")
                for name, seconds in measured("steps", data=data).items():
                    print(f"   {name} {seconds:.2f} s")
            rows.append(row)
    return rows


def shards(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        os.environ["CVP_CACHE"] = str(Path(place) / "cache")
        data = str(Path(place) / "shards")
        written = measured("write_noise", megabytes=megabytes, output=data)
        memory = measured("read_shards", data=data)["megabytes"]
        print(f"{written['shards']} shards of {written['bytes'] / 1e6:.0f} MB, {written['pictures']:,} pictures")
        print("   MB of memory, open and after each tenth: " + ", ".join(f"{value:.0f}" for value in memory))


def plot(rows: Sequence[dict[str, float]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from cvp_core.palette import COLOURS

    figure = Figure(figsize=(12, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    files = [row["files"] for row in rows]
    for axes, lines, what in zip(
        figure.subplots(1, 2), (SECONDS, BYTES), ("seconds to open", "bytes a sample"), strict=True
    ):
        for name, label in lines.items():
            colour = "#8a8a8a" if "peer" in name else COLOURS[0]
            style = "--" if name in ("again", "peak", "peer peak") else "-"
            axes.plot(files, [row[name] for row in rows], style, color=colour, marker="o", markersize=4, label=label)
        for name in GOALS.keys() & lines.keys():
            axes.plot(1e6, GOALS[name], marker="v", color=COLOURS[4], linestyle="none")
            text, at = f"goal, {lines[name].partition(', ')[2]}", (1e6, GOALS[name])
            offset = {"xytext": (-8, 0), "textcoords": "offset points", "va": "center", "ha": "right"}
            axes.annotate(text, at, **offset, fontsize=8, color=COLOURS[4])
        axes.set_xscale("log")
        axes.set_yscale("log")
        if lines is BYTES:
            axes.set_ylim(10, 1000)
        axes.set_xlabel("files")
        axes.set_ylabel(what)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9, loc="upper left")
    figure.suptitle("Opening a folder of class folders")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=float, nargs="+", default=[1e3, 1e4, 1e5, 1e6])
    parser.add_argument("--shards", type=int, default=200, help="MB; 0 for none")
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    rows = folders([int(count) for count in given.files])
    if given.plot:
        plot(rows, given.plot)
    if given.shards:
        shards(given.shards)


if __name__ == "__main__":
    main()
