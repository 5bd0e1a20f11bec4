"""The sample on disk: one folder a class, the same bytes however many processes paint it.

Helpers are interpreters of our own rather than a pool: a pool would fork a process in which torch may
already run threads, or import the caller's script once more. A helper is only a head start: if it cannot
start, fails or is late, its share is painted here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from .scene import CLASSES, paint

JPEG_QUALITY = 90
MAX_PROCESSES = 8
WORTH_A_PROCESS = 60  # pictures; fewer are painted faster than an interpreter starts


def write_sample(folder: Path, per_class: int = 200, processes: int | None = None) -> None:
    """Write `folder`/<class>/<0000>.jpg, `per_class` pictures of 128 px for each class.

    `processes` defaults to what the machine and the number of pictures call for. Files of the same name are
    overwritten; publishing the folder at once is the caller's business.
    """
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    if processes is None:
        processes = min(os.cpu_count() or 1, MAX_PROCESSES, len(CLASSES) * per_class // WORTH_A_PROCESS)
    processes = max(processes, 1)
    helpers = {share: _start_helper(folder, per_class, share, processes) for share in range(1, processes)}
    try:
        started = time.monotonic()
        write_share(folder, per_class, 0, processes)
        patience_s = 10 + 2 * (time.monotonic() - started)
        for share, helper in helpers.items():
            if not _has_finished(helper, patience_s):
                write_share(folder, per_class, share, processes)
    finally:
        for helper in helpers.values():
            if helper is not None and helper.poll() is None:
                helper.kill()
                helper.wait()


def write_share(folder: Path, per_class: int, share: int, shares: int) -> None:
    """Write every `shares`-th picture, beginning with number `share`."""
    for number in range(share, len(CLASSES) * per_class, shares):
        label, index = divmod(number, per_class)
        paint(label, index).save(folder / CLASSES[label] / f"{index:04d}.jpg", quality=JPEG_QUALITY)


def _start_helper(folder: Path, per_class: int, share: int, shares: int) -> subprocess.Popen[bytes] | None:
    arguments = [str(folder.resolve()), str(per_class), str(share), str(shares)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        return subprocess.Popen(
            [sys.executable or "python", "-m", "cvp_core.data.birds", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def _has_finished(helper: subprocess.Popen[bytes] | None, patience_s: float) -> bool:
    """Whether the helper has painted its share; one that is late is stopped, so that nobody writes twice."""
    if helper is None:
        return False
    try:
        return helper.wait(patience_s) == 0
    except subprocess.TimeoutExpired:
        helper.kill()
        helper.wait()
        return False
