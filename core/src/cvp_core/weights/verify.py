"""Whether a weights file is what it says: its hash, its header, its values, and the shapes of its network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..compile.artifact import ARTIFACT_SUFFIX, WEIGHTS, digests
from ..compile.artifact import read_manifest as read_artifact
from ..errors import CvpError, NotInstalledError, WeightsError
from ..summary import on_meta
from .contents import read_contents
from .foreign import non_finite
from .format import claim_of, load_strictly
from .header import read_header
from .manifest import Entry, check_entry, read_manifest
from .seal import is_intact
from .store import ARTIFACT_MARK, SUFFIX

__all__ = ["CHECKS", "Verdict", "verify"]

_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


class _NothingToCheckError(Exception):
    """A check that there is nothing for; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """faults, open: by the name of the check, what is wrong, and why it could not be made. The others passed."""

    path: Path
    faults: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        return not self.faults


def verify(path: Path) -> Verdict:
    """Makes all checks of a weights file or of an artifact's folder; after a fault, those that still make sense."""
    verdict = Verdict(path)
    file = path / WEIGHTS if path.is_dir() else path
    for name, check in CHECKS.items():
        if "file" in verdict.faults or (name in ("values", "network") and "header" in verdict.faults):
            verdict.open[name] = "not looked at"
            continue
        try:
            check(path if name == "hash" else file)
        except _NothingToCheckError as reason:
            verdict.open[name] = str(reason)
        except NotInstalledError as error:
            verdict.open[name] = _without(path, error)
        except CvpError as error:
            verdict.faults[name] = _without(file, error)
    return verdict


def _check_file(file: Path) -> None:
    read_contents(file)


def _check_hash(path: Path) -> None:
    if path.is_dir():
        recorded, actual = dict(read_artifact(path).files), digests(path)
        changed = sorted(name for name in recorded.keys() | actual.keys() if recorded.get(name) != actual.get(name))
        if changed:
            raise WeightsError(f"changed since it was compiled: {', '.join(changed)}")
        return
    shipped = _shipped(path)
    if shipped is not None and (reason := check_entry(path.parent, shipped)):
        raise WeightsError(f"{reason}, says {path.parent / ARTIFACT_MARK}")
    intact = is_intact(path)
    if intact is None and shipped is None:
        raise _NothingToCheckError("none recorded")
    if intact is False:
        raise WeightsError("the tensors or the header are not those that were written; copy or pull the file again")


def _check_header(file: Path) -> None:
    if not read_header(file).classes:
        raise WeightsError("it names no classes")


def _check_values(file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        broken = non_finite(_tensors(opened))
    if broken:
        more = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
        raise WeightsError(f"not finite in {', '.join(broken[:3])}{more}")


def _check_network(file: Path) -> None:
    """Against the network that the header names, without reading a value."""
    header, contents = read_header(file), read_contents(file)
    claim = claim_of(file, header)
    network = on_meta(claim, len(header.classes), header.input_size, lambda model: model)
    if header.head != network.head_kind():
        network.reset_head(len(header.classes), header.head)
    own = network.state_dict()
    unknown = {entry.dtype for entry in contents.tensors.values()} - set(_TYPES)
    if unknown:
        raise WeightsError(f"holds numbers of the type {', '.join(sorted(unknown))}, which no network of cvp has")
    shapes = {
        key: torch.empty(entry.shape, dtype=_TYPES[entry.dtype], device="meta")
        for key, entry in contents.tensors.items()
    }
    load_strictly(network, shapes, file)
    kinds = [key for key in own if own[key].dtype != shapes[key].dtype]
    if kinds:
        raise WeightsError(f"'{kinds[0]}' holds {shapes[kinds[0]].dtype}, the network has {own[kinds[0]].dtype}")


CHECKS: dict[str, Callable[[Path], None]] = {
    "file": _check_file,
    "hash": _check_hash,
    "header": _check_header,
    "values": _check_values,
    "network": _check_network,
}


def _shipped(path: Path) -> Entry | None:
    """What the manifest of its store says of a file; an artifact's own manifest lies beside its weights too."""
    if path.parent.suffix == ARTIFACT_SUFFIX:
        return None
    return read_manifest(path.parent).get(path.name.removesuffix(SUFFIX))


def _tensors(opened: safe_open) -> Iterator[tuple[str, Tensor]]:
    """One after the other, so that no more than one is in memory."""
    for key in opened.keys():  # noqa: SIM118 - it is no mapping
        yield key, opened.get_tensor(key)


def _without(path: Path, error: Exception) -> str:
    """The reason without the path, which the reader sees beside it."""
    return str(error).removeprefix(f"{path}").lstrip(": ")
