"""The manifest of a store's shipped weights: what each file is, how good, and which command makes it again.

`python -m cvp_core.weights.manifest NAME` measures stored weights on their data and writes their entry.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..digest import file_digest
from ..errors import CvpError, WeightsError
from .atomic import write_atomically
from .store import ARTIFACT_MARK, SUFFIX, weights_dir

__all__ = ["Entry", "check_entry", "measure", "read_manifest", "write_manifest"]

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One shipped file, NAME.safetensors.

    data, split: what it was measured on, samples pictures of it. top1: a share of 1. command: that trained it. sha256:
    of the file, bytes long. cvp: the version of cvp-core that trained it.
    """

    name: str
    model: str
    data: str
    split: str
    samples: int
    top1: float
    command: str
    sha256: str
    bytes: int
    cvp: str

    @property
    def file(self) -> str:
        return f"{self.name}{SUFFIX}"


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The entries of a store by name, none where it has no manifest. Raises WeightsError for a damaged one."""
    path = folder / ARTIFACT_MARK
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document["format_version"]
        if version > FORMAT_VERSION:
            raise WeightsError(f"{path} has format version {version}: pip install --upgrade cvp-core")
        return {name: Entry(name, **fields) for name, fields in document["weights"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path} is no manifest of weights ({type(error).__name__}: {error})") from error


def write_manifest(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Writes all entries, by name in order. Raises OutputError where that is not possible."""
    weights = {name: dataclasses.asdict(entries[name]) for name in sorted(entries)}
    for fields in weights.values():
        del fields["name"]
    document = {"format_version": FORMAT_VERSION, "weights": weights}
    write_atomically(folder / ARTIFACT_MARK, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def check_entry(folder: Path, entry: Entry) -> str:
    """Why the file is not the one that was shipped, "" if it is."""
    path = folder / entry.file
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != entry.bytes:
        return f"has {path.stat().st_size:,} bytes instead of {entry.bytes:,}"
    actual = file_digest(path)
    return "" if actual == entry.sha256 else f"has the hash {actual} instead of {entry.sha256}"


def measure(name: str, folder: Path, command: str = "", runs_dir: Path = Path("runs")) -> Entry:
    """The entry of NAME.safetensors, evaluated on the test pictures, else the validation pictures, of its own data.

    command: if not given, that of the run in `runs_dir` which made it. Raises WeightsError where there is none.
    """
    from importlib.metadata import version

    from ..classifier import load
    from ..data import open_data
    from ..evaluate import evaluate, pick_split

    path = folder / f"{name}{SUFFIX}"
    command = command or _command_of(path, runs_dir)
    classifier = load(path)
    training = classifier.header.training
    splits = open_data(str(training["data"]))
    split, images = pick_split(
        splits, "auto", seed=int(training.get("seed", 0)), val_fraction=float(training.get("val_fraction", 0.2))
    )
    found = evaluate(classifier, images, splits.classes)
    return Entry(
        name=name,
        model=classifier.header.model,
        data=splits.name,
        split=split,
        samples=found.samples,
        top1=round(found.top1, 6),
        command=command,
        sha256=file_digest(path),
        bytes=path.stat().st_size,
        cvp=version("cvp-core"),
    )


def _command_of(path: Path, runs_dir: Path) -> str:
    """What its run's settings amount to as a command line."""
    from ..data import open_data
    from ..report.repeat import repeat_command
    from ..train.config import resolve_config
    from ..train.history import list_runs
    from ..train.runs import RunFolder

    content = path.read_bytes()
    for run in list_runs(runs_dir):
        if run.weights is not None and run.weights.read_bytes() == content:
            config = resolve_config(run.config)
            return repeat_command(config, open_data(config.data).recipe, RunFolder(run.path).read_record().precision)
    raise WeightsError(f"no run in {runs_dir} made {path}; say by which command it was trained")


def _main(arguments: list[str]) -> int:
    """NAME, and the command that trained it where its run is not in ./runs."""
    name, *command = arguments
    folder = weights_dir()
    entry = measure(name, folder, " ".join(command))
    write_manifest(folder, {**read_manifest(folder), name: entry})
    sys.stdout.write(f"{name}: {100 * entry.top1:.2f} % of {entry.samples:,} {entry.split} pictures, {entry.command}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(_main(sys.argv[1:]))
    except CvpError as error:
        sys.exit(f"Error: {error}")
