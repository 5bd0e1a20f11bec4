"""The `birds` sample: painted once into the cache, then opened like any folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from ..download import cache_folder
from ..errors import OutputError
from .folder import open_folder
from .sources import DataSplits

__all__ = ["open_birds"]

_NOTE = "synthetic; `$CVP_DATA/birds` or ./data/birds with real pictures replaces them"


def open_birds() -> DataSplits:
    """Four birds, 200 painted pictures each. Raises OutputError where the cache cannot be written."""
    from . import birds

    folder = cache_folder(f"birds-v{birds.VERSION}")
    if not folder.is_dir():
        _paint(folder)
    splits = open_folder(folder)
    return replace(
        splits,
        name="birds",
        synthetic=True,
        location=f"{len(splits.train)} pictures painted by cvp, in {folder}",
        notes=(*splits.notes, _NOTE),
    )


def _paint(folder: Path) -> None:
    """Paint beside `folder` and rename: whoever is first wins, and an interruption leaves nothing half."""
    from . import birds

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        birds.write_sample(unfinished / "pictures")
        with contextlib.suppress(FileExistsError):
            _rename(unfinished / "pictures", folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _rename(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if target.is_dir():  # ENOTEMPTY, EEXIST or EACCES by system: another process was first
            raise FileExistsError from error
        raise


def _unwritable(folder: Path, error: OSError) -> OutputError:
    reason = error.strerror or os.fspath(str(error))
    return OutputError(f"cannot write the birds sample to {folder}: {reason}; $CVP_CACHE names another cache folder")
