"""What is here: the store's trained, imported and compiled weights, and those that were pulled."""

from __future__ import annotations

import difflib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError, WeightsError
from ..registry import models, natural_key
from .header import Header, read_header
from .pretrained import INCOMING, pulled_folders
from .store import ARTIFACT_MARK, SUFFIX, weights_dir

__all__ = ["Stored", "all_stored", "checked_name", "find_named", "find_stored", "remove", "stored_file"]

_NAME = re.compile(r"\w[\w.+@-]{0,99}")


@dataclass(frozen=True, slots=True)
class Stored:
    """Weights that are here. kind: "trained", "imported", "pulled", "compiled" or "file".

    path: a file, or an artifact's folder. header: None where it cannot be read, with the reason in `error`.
    """

    name: str
    kind: str
    path: Path
    header: Header | None
    error: str = ""

    @property
    def size_bytes(self) -> int:
        files = self.path.rglob("*") if self.path.is_dir() else (self.path,)
        return sum(file.stat().st_size for file in files if file.is_file())


def checked_name(name: str) -> str:
    """`name`, if stored weights may have it. Raises ConfigError for one that is a path or could become one."""
    if not _NAME.fullmatch(name) or name.endswith(SUFFIX):
        raise ConfigError(
            f"'{name}' cannot be the name of stored weights: allowed are letters, digits, '.', '_', '-', '+' and '@', "
            f"no folder, no {SUFFIX}"
        )
    return name


def stored_file(name: str, folder: str | Path | None = None) -> Path:
    """Where weights of that name are, or would be, in the store. Raises ConfigError as `checked_name` does."""
    return weights_dir(folder) / f"{checked_name(name)}{SUFFIX}"


def all_stored(folder: str | Path | None = None) -> list[Stored]:
    """All weights that are here, those of the store first, by name."""
    store = weights_dir(folder)
    found = [_stored(path.name.removesuffix(SUFFIX), path) for path in store.glob(f"*{SUFFIX}") if path.is_file()]
    found += [_stored(mark.parent.name, mark.parent) for mark in store.glob(f"*/{ARTIFACT_MARK}")]
    found.sort(key=lambda entry: natural_key(entry.name))
    return found + sorted((_stored(name, path, "pulled") for name, path in _pulled()), key=_by_name)


def find_stored(name: str, folder: str | Path | None = None) -> Stored:
    """What is here under that name, or at that path; nothing is pulled. Raises WeightsError with near misses."""
    path = Path(name).expanduser()
    if path.suffix == SUFFIX and path.is_file():
        return _stored(path.name.removesuffix(SUFFIX), path, "file")
    if (path / ARTIFACT_MARK).is_file():
        return _stored(path.name, path)
    if (found := find_named(name, folder)) is not None:
        return found
    store = weights_dir(folder)
    names = [entry.name for entry in all_stored(folder)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise WeightsError(
        f"no weights '{name}' in {store}, nor pulled.{hint} "
        "`cvp weights list --here` shows what is here, `cvp weights pull NAME` brings what is published."
    )


def find_named(name: str, folder: str | Path | None = None) -> Stored | None:
    """As `find_stored`, but never a path, and None where there is none."""
    if _NAME.fullmatch(name):
        store = weights_dir(folder)
        file = store / f"{name}{SUFFIX}"
        if file.is_file():
            return _stored(name, file)
        if (store / name / ARTIFACT_MARK).is_file():
            return _stored(name, store / name)
    return next((_stored(own, path, "pulled") for own, path in _pulled() if own.lower() == name.lower()), None)


def remove(entry: Stored) -> None:
    """Deletes the file, or an artifact's folder. Raises WeightsError where that is not possible."""
    try:
        if entry.path.is_dir():
            shutil.rmtree(entry.path)
        else:
            entry.path.unlink()
    except OSError as error:
        raise WeightsError(f"cannot remove {entry.path}: {(error.strerror or str(error)).lower()}") from error


def _stored(name: str, path: Path, kind: str = "") -> Stored:
    try:
        header = _header(path)
    except WeightsError as error:
        return Stored(name, kind or "unknown", path, None, str(error))
    if not kind:
        kind = "compiled" if path.is_dir() else "imported" if header.training.get("source") else "trained"
    return Stored(name, kind, path, header)


def _header(path: Path) -> Header:
    if not path.is_dir():
        return read_header(path)
    from ..compile.artifact import read_manifest

    return read_manifest(path).header


def _pulled() -> Iterator[tuple[str, Path]]:
    """Name and file, also of models whose plugin has gone since; from the hub by address."""
    published, hub = pulled_folders()
    for path in published.glob(f"*/**/*{SUFFIX}"):
        distribution, *rest = path.relative_to(published).parts
        if INCOMING in rest or path.name.startswith("."):
            continue
        name = "/".join(rest).removesuffix(SUFFIX)
        owners = models().claims.get(name.rpartition(".")[0], [])
        yield (name if len(owners) < 2 else f"{distribution}/{name}"), path
    for path in hub.glob(f"*/*/**/*{SUFFIX}"):
        yield "hf://" + path.relative_to(hub).as_posix().removesuffix("/model.safetensors"), path


def _by_name(entry: Stored) -> list[str | int]:
    return natural_key(entry.name)
