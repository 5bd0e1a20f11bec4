"""Run folders read back: what was trained, how it went and whether it came to its end; without torch."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import math
import re
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from ..catalogue import near_misses
from ..errors import DataError, UnknownNameError
from .events import EpochResult
from .runs import RunFolder

__all__ = ["Run", "find_run", "list_runs", "read_run"]

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)_(.+)")
# A run whose files nobody has touched for this long, or for three of its epochs, is over.
_QUIET_SECONDS = 300.0
# What stands in a run folder once training is over, however it ended.
_LAST_FILES = ("report.html", "curves.png")

_SHOWN = (".html", ".md", ".png", ".csv", ".toml")


@dataclass(frozen=True)
class Run:
    """One run folder.

    config: as in config.toml, defaults included. history: an entry an epoch that is over.
    state: "finished", "interrupted" (it stopped early and said so), "running" (its files are fresh) or "unknown"
        (they are not, and nothing says how it ended: killed, or the machine went down).
    weights: the best ones that were kept, None if there are none. started: seconds since 1970.
    """

    path: Path
    config: Mapping[str, Any]
    history: tuple[EpochResult, ...]
    state: str
    weights: Path | None
    started: float

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def title(self) -> str:
        """The folder's name without date and time: MODEL-DATA, or what --name said."""
        match = _STAMP.fullmatch(self.name)
        return match[2] if match else self.name

    @property
    def best(self) -> EpochResult | None:
        """The epoch whose weights were kept."""
        return next((result for result in reversed(self.history) if result.is_best), None)

    @property
    def epochs(self) -> int | None:
        """That were planned; None where config.toml does not say."""
        planned = self.config.get("epochs")
        return planned if isinstance(planned, int) else None

    @property
    def seconds(self) -> float:
        """Of all epochs together."""
        return sum(result.seconds for result in self.history if math.isfinite(result.seconds))

    @property
    def files(self) -> tuple[Path, ...]:
        """What there is to look at, by name."""
        return tuple(sorted(path for path in self.path.iterdir() if path.suffix in _SHOWN))


def read_run(folder: str | Path) -> Run:
    """The run in `folder`. What is half-written is left out. Raises DataError where it is no run folder."""
    path = Path(folder)
    files = RunFolder(path)
    try:
        config = tomllib.loads(files.config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is no run folder: its config.toml {_fault(error)}; `cvp runs list` shows runs"
        ) from None
    history = _read_metrics(files.metrics)
    weights = files.best_weights
    match = _STAMP.fullmatch(path.name)
    try:
        started = time.mktime(time.strptime(match[1], "%Y-%m-%d_%H-%M-%S")) if match else None
    except (ValueError, OverflowError):
        started = None
    if started is None:
        started = files.config.stat().st_mtime
    return Run(path, config, history, _state(files, config, history), weights if weights.is_file() else None, started)


def list_runs(root: str | Path = "runs") -> list[Run]:
    """The runs below `root`, newest first; other folders are passed over, and no folder is no runs."""
    found = []
    try:
        folders = [folder for folder in Path(root).iterdir() if RunFolder(folder).config.is_file()]
    except OSError:
        return []
    for folder in folders:
        try:
            found.append(read_run(folder))
        except DataError:
            continue  # config.toml of something else
    return sorted(found, key=lambda run: (run.started, run.name), reverse=True)


def find_run(name: str, root: str | Path = "runs") -> Run:
    """The run that a folder, a name below `root` or "last" stands for; of a title, such as MODEL-DATA, the newest.

    Raises UnknownNameError with near misses.
    """
    for folder in (Path(name).expanduser(), Path(root) / name):
        if RunFolder(folder).config.is_file():
            return read_run(folder)
    runs = list_runs(root)
    if name == "last" and runs:
        return runs[0]
    for run in runs:
        if run.title == name:
            return run
    if not runs:
        raise UnknownNameError(
            f"no run '{name}', nor any other in {root}; `cvp train` makes them, --runs-dir says where"
        )
    hint = near_misses(name, {run.title for run in runs} | {run.name for run in runs} | {"last"})
    raise UnknownNameError(f"no run '{name}' in {root}.{hint} `cvp runs list` shows all.")


def _fault(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "is missing"
    return f"cannot be read ({error.strerror if isinstance(error, OSError) else error})"


def _read_metrics(path: Path) -> tuple[EpochResult, ...]:
    """The epochs of metrics.csv in order; of one that was run again after a resume, the later."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    if not text.endswith("\n"):  # the last line is being written, or was when the machine went down
        text = text[: text.rfind("\n") + 1]
    results: dict[int, EpochResult] = {}
    with contextlib.suppress(csv.Error):  # not a table at all
        for row in csv.DictReader(io.StringIO(text)):
            try:
                result = _parsed(row)
            except (TypeError, ValueError):
                continue
            results[result.epoch] = result
    return tuple(results[epoch] for epoch in sorted(results))


def _parsed(row: Mapping[str, str]) -> EpochResult:
    """A line of metrics.csv. A column that an older cvp did not write is its default, else nan or False."""
    values: dict[str, Any] = {}
    hints = get_type_hints(EpochResult)
    for field in dataclasses.fields(EpochResult):
        if field.name in row:
            values[field.name] = _reader(hints[field.name])(row[field.name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if field.name == "epoch":
                raise ValueError("no epoch")
            values[field.name] = False if hints[field.name] is bool else float("nan")
    return EpochResult(**values)


def _reader(hint: Any) -> Callable[[str], Any]:
    if hint is bool:
        return lambda text: text == "True"
    if hint is int:
        return int
    if hint is float:
        return float
    return lambda text: float(text) if text else None


def _state(files: RunFolder, config: Mapping[str, Any], history: tuple[EpochResult, ...]) -> str:
    drawn = max((_modified(files.path / name) for name in _LAST_FILES), default=0.0)
    is_over = _is_finished(files.record)
    if is_over or (is_over is None and drawn and _came_to_its_end(config, history)):
        return "finished"
    if drawn and drawn >= _modified(files.metrics):  # else it has been resumed since
        return "interrupted"
    newest = max((_modified(file) for file in files.path.iterdir()), default=0.0)
    longest = max((result.seconds for result in history if math.isfinite(result.seconds)), default=0.0)
    return "running" if time.time() - newest < max(_QUIET_SECONDS, 3 * longest) else "unknown"


def _is_finished(record: Path) -> bool | None:
    """What run.json says; None where it says nothing, as in runs of an older cvp."""
    try:
        said = json.loads(record.read_text(encoding="utf-8"))["is_finished"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return said if isinstance(said, bool) else None


def _modified(path: Path) -> float:
    """Seconds since 1970, 0 for a file that is not there (any more)."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _came_to_its_end(config: Mapping[str, Any], history: tuple[EpochResult, ...]) -> bool:
    """All epochs are there, or validation got no better for as many as `patience` says."""
    done = history[-1].epoch if history else 0
    best = next((result.epoch for result in reversed(history) if result.is_best), 0)
    planned, patience = config.get("epochs"), config.get("patience")
    if isinstance(patience, int) and done - best >= patience:
        return True
    return isinstance(planned, int) and done >= planned
