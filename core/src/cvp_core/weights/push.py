"""Weights for others: the file, its card and its facts, in a folder or a repository of the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import OutputError, WeightsError
from .atomic import make_folder, write_atomically
from .header import Header, read_header
from .seal import sealed
from .store import SUFFIX, find_weights

__all__ = ["CARD", "CONFIG", "WEIGHTS", "Package", "check_folder", "is_ours", "pack", "push_to_folder"]

# The hub looks for these names, and shows the card as the repository's page.
WEIGHTS, CARD, CONFIG = "model.safetensors", "README.md", "config.json"


@dataclass(frozen=True)
class Package:
    """What is pushed: the content of each file by its name. notes: what the user should know of it."""

    title: str
    files: dict[str, bytes]
    sha256: str  # of the weights
    notes: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.files.values()))


def pack(
    name: str | Path, address: str, *, weights_dir: str | Path | None = None, runs_dir: str | Path = "runs"
) -> Package:
    """The files that stand for stored weights, a weights file or a run folder, with `address` told on the card.

    model.safetensors: the weights, less the paths of this machine in their header. README.md: the card that their run
    wrote, with what was added to it by hand; made anew where no run in `runs_dir` has these weights. config.json:
    model, classes, preprocessing, metrics and the SHA-256 of the weights.
    Raises WeightsError for what is no weights file of cvp.
    """
    from ..report.card import card_of_file, with_address

    path = find_weights(name, weights_dir)
    if path.is_dir():
        raise WeightsError(f"{path} is an artifact for machines like this one; push the weights that it was made of")
    header = read_header(path)
    content = path.read_bytes()
    title, card = _card(path, content, Path(runs_dir).expanduser())
    notes = []
    if not card:
        card = card_of_file(path, title)
        notes.append(f"no run in {runs_dir} has these weights, so the card tells only what the file says")
    if "\nlicense: unknown\n" in card:
        notes.append("under which licence these weights may be used is not known; say so on the card")
    public = _public(header)
    if public != header:
        content = _with_header(content, public)
        notes.append("where files lay on this machine was taken out of the weights' header")
    digest = hashlib.sha256(content).hexdigest()
    files = {
        WEIGHTS: content,
        CARD: with_address(card, address).encode("utf-8", "replace"),
        CONFIG: _config(title, public, digest, len(content)),
    }
    return Package(title, files, digest, tuple(notes))


def push_to_folder(package: Package, folder: Path) -> None:
    """Writes the files into `folder`, all at once where it is new, else one after the other, the weights first.

    Other files in it stay. Raises OutputError where it cannot be written, or holds files of these names that are not
    cvp's.
    """
    check_folder(folder)
    if folder.exists():
        for name, content in package.files.items():
            write_atomically(folder / name, content)
        return
    make_folder(folder.parent)
    unfinished = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.tmp"
    try:
        for name, content in package.files.items():
            write_atomically(unfinished / name, content)
        os.rename(unfinished, folder)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}; choose another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def check_folder(folder: Path) -> None:
    """Raises OutputError where `folder` is a file, or holds a README.md or the like that cvp did not write."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; --to takes a folder")
    taken = [name for name in (WEIGHTS, CARD, CONFIG) if (folder / name).exists()]
    if taken and not (CONFIG in taken and is_ours((folder / CONFIG).read_bytes())):
        raise OutputError(f"{folder} holds {', '.join(taken)} that cvp did not push; choose an empty or a new folder")


def is_ours(config: bytes) -> bool:
    """Whether a config.json is one that cvp pushed."""
    try:
        return json.loads(config).get("library_name") == "cvp"
    except (ValueError, AttributeError):
        return False


def _public(header: Header) -> Header:
    """Without where pictures and weights lay on this machine."""
    from ..report.repeat import public_name

    places = ("data", "val_data")
    training = {key: public_name(str(value)) if key in places else value for key, value in header.training.items()}
    return replace(header, training=training, parent=public_name(header.parent) if header.parent else "")


def _with_header(content: bytes, header: Header) -> bytes:
    """The weights file under another header of cvp's, and with its hash anew."""
    start = 8 + int.from_bytes(content[:8], "little")
    document = json.loads(content[8:start])
    document["__metadata__"] |= header.to_metadata()
    text = json.dumps(document, ensure_ascii=False).encode()
    return sealed(len(text).to_bytes(8, "little") + text + content[start:])


def _config(title: str, header: Header, digest: str, size_bytes: int) -> bytes:
    document: dict[str, Any] = {"library_name": "cvp", "name": title, **header.to_json()}
    numbers = header.metrics.items()  # nan, where nothing was measured, is no JSON
    document["metrics"] = {name: value for name, value in numbers if value == value}
    document |= {"weights": {"file": WEIGHTS, "sha256": digest, "bytes": size_bytes}}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _card(path: Path, content: bytes, runs_dir: Path) -> tuple[str, str]:
    """A name for the weights and the card of the run that they are of, "" where there is none here."""
    from ..report.card import CARD as RUN_CARD
    from ..train.history import list_runs, read_run
    from ..train.runs import RunFolder

    title, runs = path.name.removesuffix(SUFFIX), []
    if path.name == f"best{SUFFIX}" and RunFolder(path.parent).config.is_file():
        runs.append(read_run(path.parent))
        title = runs[0].title
    for run in (*runs, *list_runs(runs_dir)):
        try:
            if _is_copy(run.path / f"best{SUFFIX}", content):
                return title, (run.path / RUN_CARD).read_text(encoding="utf-8")
        except OSError:
            continue
    return title, ""


def _is_copy(path: Path, content: bytes) -> bool:
    return path.stat().st_size == len(content) and path.read_bytes() == content
