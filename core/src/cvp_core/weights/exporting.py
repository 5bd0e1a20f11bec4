"""Our weights with another library's keys, by turning its converter around: no family has code for this.

The other library's network is built by its bridge, as `torchvision/NAME` or `timm/NAME`, and its state dict is
converted with numbers in place of values. Where each number ends tells where each of our values has to go.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..catalogue import Claim
from ..errors import ConfigError, CvpError, NotInstalledError, WeightsError
from ..registry import find_model, models
from ..spec import ModelSpec
from ..summary import on_meta
from .atomic import write_atomically
from .convert import convert_for
from .format import claim_of, load_model
from .header import Header

__all__ = ["FORMATS", "Exported", "export_weights", "to_foreign"]

FORMATS = (".safetensors", ".pth")


@dataclass(frozen=True, slots=True)
class Exported:
    """model: the other library's name for it. header: what is known of the weights, and what the file cannot say."""

    path: Path
    model: str
    header: Header
    tensors: int


def export_weights(file: Path, library: str, path: Path) -> Exported:
    """Writes the weights in `file` as a state dict of `library`'s own network, which loads it strictly.

    path: ends with .safetensors or .pth, a pickle of tensors alone. Converted back, every value is equal to the bit.
    Raises WeightsError where the library has no such network, NotInstalledError where its bridge is missing.
    """
    if path.suffix not in FORMATS:
        raise ConfigError(f"{path} ends with neither {' nor '.join(FORMATS)}")
    network, header = load_model(file)
    claim = claim_of(file, header)
    if network.head_kind() != "linear":
        raise WeightsError(f"{file} has a hidden layer before its classes, which no network of {library} has")
    state = to_foreign(claim, network.state_dict(), library, len(header.classes), header.input_size)
    content = io.BytesIO()
    if path.suffix == ".pth":
        torch.save(state, content)
        write_atomically(path, content.getvalue())
    else:
        from safetensors.torch import save as to_bytes

        write_atomically(path, to_bytes(state, {"format": "pt"}))
    return Exported(path, _name_there(claim.spec, library), header, len(state))


def to_foreign(
    claim: Claim[ModelSpec], state: Mapping[str, Tensor], library: str, classes: int, input_size: tuple[int, int, int]
) -> dict[str, Tensor]:
    """Our state dict as that of `library`'s network: the inverse of `convert_for`. Raises as `export_weights` does."""
    there = f"{library}/{_name_there(claim.spec, library)}"
    if models().find(there) is None:
        raise NotInstalledError(
            f"to write {library}'s keys, its network {there} is needed: pip install cvp-{library} {library}"
        )
    bridge = on_meta(find_model(there), classes, input_size, lambda model: model)
    named = bridge.state_dict()
    blank = {key.removeprefix("net."): torch.empty_like(tensor, device="meta") for key, tensor in named.items()}
    foreign = _inverted(claim, blank, state, library)
    missing = sorted(blank.keys() - foreign.keys())
    back = {} if missing else convert_for(claim, foreign, library)
    wrong = missing or [key for key in state if key not in back or not _equal(back[key], state[key])]
    if wrong:
        raise WeightsError(
            f"{claim.spec.name} cannot be written as {there}: {len(wrong)} tensors would not come back the same, "
            f"such as '{wrong[0]}'; its converter computes"
        )
    return {key: foreign[key] for key in blank}


def _name_there(spec: ModelSpec, library: str) -> str:
    if library in spec.layouts:
        return spec.layouts[library]
    if spec.name.startswith(f"{library}/"):
        return spec.name.partition("/")[2]
    known = ", ".join(spec.layouts) or "none"
    raise WeightsError(f"{library} has no network that is {spec.name}; formats for it: {known}")


def _inverted(
    claim: Claim[ModelSpec], blank: Mapping[str, Tensor], state: Mapping[str, Tensor], library: str
) -> dict[str, Tensor]:
    """The foreign tensors, as far as ours hold what is in them.

    A tensor that comes through as it is, or in another shape, was only renamed; that shows without memory. The elements
    of the others are numbered from 1 on, and looked up where they come out.
    """
    sources = {_storage(tensor): key for key, tensor in blank.items()}
    found: dict[str, Tensor] = {}
    moved: list[str] = []
    for key, tensor in _converted(claim, blank, library).items():
        source = sources.get(_storage(tensor)) if tensor.is_meta else None
        if key not in state:
            continue
        if source and source not in found and tensor.numel() == blank[source].numel() and tensor.is_contiguous():
            found[source] = _alone(state[key], blank[source])
        else:
            moved.append(key)
    if not moved:
        return found
    open_keys = [key for key in blank if key not in found]
    total = 0
    numbered: dict[str, Tensor] = dict(blank)
    for key in open_keys:
        count = blank[key].numel()
        numbered[key] = torch.arange(total + 1, total + count + 1).reshape(blank[key].shape)
        total += count
    converted = _converted(claim, numbered, library)
    values = torch.zeros(total + 1, dtype=torch.float64)
    seen = torch.zeros(total + 1, dtype=torch.bool)
    for key in moved:
        where = converted[key].flatten()
        if where.is_meta or where.is_floating_point() or where.numel() != state[key].numel():
            continue  # the way back shows it
        where = where.clamp(0, total)
        values[where] = state[key].flatten().to(values.dtype)
        seen[where] = True
    start = 1
    for key in open_keys:
        end = start + blank[key].numel()
        if bool(seen[start:end].all()):
            found[key] = values[start:end].reshape(blank[key].shape).to(blank[key].dtype).clone()
        start = end
    return found


def _converted(claim: Claim[ModelSpec], state: Mapping[str, Tensor], library: str) -> dict[str, Tensor]:
    try:
        return convert_for(claim, state, library)
    except CvpError:
        raise
    except Exception as error:
        raise WeightsError(
            f"{claim.spec.name} cannot be written as {library}'s: its converter computes ({type(error).__name__})"
        ) from error


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _alone(tensor: Tensor, blank: Tensor) -> Tensor:
    """In the other shape, and without the rest of a storage that it may share."""
    return tensor.detach().reshape(blank.shape).clone()


def _equal(one: Tensor, other: Tensor) -> bool:
    """Where both are NaN too."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    return bool(((one == other) | ((one != one) & (other != other))).all())
