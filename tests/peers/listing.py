"""How long listing takes: beside `import torch`, and with 200 installed plugins. Run by hand.

Goals: `cvp list-models` in at most a quarter of `import torch`, and under 1 s with 200 plugins.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from fake_plugins import family, install

PLUGINS, MODELS, REPEATS = 200, 5, 7


def median_seconds(*command: str, path: str = "") -> float:
    """Of REPEATS runs, after one that warms the disk cache and writes the .pyc files."""
    env = os.environ | {"PYTHONPATH": path}
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], env=env, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def main() -> None:
    bare = median_seconds("-c", "pass")
    torch = median_seconds("-c", "import torch")
    listing = median_seconds("-m", "cvp_cli", "list-models")
    helping = median_seconds("-m", "cvp_cli", "--help")
    with tempfile.TemporaryDirectory() as folder:
        for index in range(PLUGINS):
            names = [f"fake{index}_{width}" for width in range(MODELS)]
            install(Path(folder), f"cvp-fake{index}", family(*names, family=f"fake{index}", default=names[0]))
        many = median_seconds("-m", "cvp_cli", "list-models", path=folder)
    rows = {
        "python": (bare, ""),
        "import torch": (torch, ""),
        "cvp --help": (helping, ""),
        "cvp list-models": (listing, f"{listing / torch:.2f} of import torch (goal 0.25)"),
        f"cvp list-models, {PLUGINS} plugins of {MODELS}": (many, "(goal 1)"),
    }
    for name, (seconds, note) in rows.items():
        print(f"{name:<42}{seconds:6.3f} s  {note}".rstrip())


if __name__ == "__main__":
    main()
