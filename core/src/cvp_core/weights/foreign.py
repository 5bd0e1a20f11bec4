"""Checkpoints that cvp did not write: their tensors, read without running anything that is in them."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..catalogue import near_files
from ..errors import WeightsError
from .contents import read_contents
from .convert import WRAPPERS

__all__ = ["fitted", "non_finite", "read_tensors"]

SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".tar", ".safetensors")

# Where training scripts keep the state dict among what else they save; averaged weights first.
_NESTS = ("model_ema", "state_dict_ema", "ema_state_dict", "ema", "state_dict", "model_state_dict", "model", "net")
_DEEPEST = 4
_LIGHTNING = "model."
_AVERAGED = "n_averaged"  # of torch.optim.swa_utils.AveragedModel, beside the weights


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The state dict of a .safetensors file, or of a pickled checkpoint, of which only tensors are read.

    It may lie below the usual keys (state_dict, model_ema, ...); the prefixes of DataParallel, torch.compile and
    Lightning are taken off. The tensors may be views of the file. Raises WeightsError for a file that is damaged, that
    holds code, that claims more than it has, or in which there is no state dict.
    """
    if not path.is_file():
        raise WeightsError(f"no file {path}.{near_files(path, SUFFIXES)}")
    found = _state_dict(_read(path))
    if found is None:
        raise WeightsError(f"{path} holds no state dict: expected names of parameters with tensors")
    state = {key: tensor.detach() for key, tensor in found.items() if key != _AVERAGED}
    _check_size(path, state)
    state = _renamed(path, state, lambda key: WRAPPERS.sub("", key))
    while state and all(key.startswith(_LIGHTNING) for key in state):
        state = _renamed(path, state, lambda key: WRAPPERS.sub("", key.removeprefix(_LIGHTNING)))
    return state


def fitted(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """`state` in the model's types of numbers; the counters of batch norms, which old files lack, begin at 0.

    Raises WeightsError for whole numbers where the model has fractions, as in a quantised network.
    """
    own = model.state_dict()
    complete = {}
    for key, tensor in state.items():
        wanted = own[key].dtype if key in own else tensor.dtype
        if wanted.is_floating_point and not tensor.is_floating_point():
            raise WeightsError(f"'{key}' holds {tensor.dtype}, expected floating-point numbers; is it quantised?")
        complete[key] = tensor.to(wanted)
    for key in own.keys() - state.keys():
        if key.endswith(".num_batches_tracked"):
            complete[key] = torch.zeros((), dtype=own[key].dtype)
    return complete


def non_finite(tensors: Iterable[tuple[str, Tensor]]) -> list[str]:
    """The names of those in which a value is NaN or infinite."""
    return [name for name, tensor in tensors if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())]


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:9] == b"{":
        read_contents(path)  # also what the library does not look at
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{path} is damaged: {error}") from error
    if start[:4] == b"PK\x03\x04":
        _check_archive(path)
        return _unpickled(path, mmap=True)  # not copied; a storage that claims more than its record ends with the file
    if start[:1] == b"\x80":
        return _unpickled(path, mmap=False)
    raise WeightsError(f"{path} is neither a .safetensors file nor a checkpoint of torch.save")


def _check_archive(path: Path) -> None:
    """torch.save compresses nothing: an archive that does, or that claims to hold more than the file, is a trap."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error
    size = path.stat().st_size
    claimed = sum(entry.file_size for entry in entries)
    if claimed > size or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise WeightsError(f"{path} would unpack to {claimed:,} bytes, the file has {size:,}; torch.save packs nothing")


def _unpickled(path: Path, mmap: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(str(path), map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"code ({named[1]})" if named else f"more than tensors ({_first_line(error)})"
        raise WeightsError(
            f"{path} holds {what}, which cvp does not run; "
            "where you trust it, write its tensors alone: torch.save(model.state_dict(), FILE)"
        ) from error
    except Exception as error:  # a pickle that somebody made or damaged may end in any of them
        raise WeightsError(f"{path} cannot be read as a checkpoint: {_first_line(error)}") from error


def _state_dict(content: Any, depth: int = 0) -> Mapping[str, Tensor] | None:
    """The first mapping of names to tensors; a pickle may contain itself, hence the depth."""
    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return None
    if content and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()):
        return content
    for nest in _NESTS:
        if nest in content and (found := _state_dict(content[nest], depth + 1)) is not None:
            return found
    return None


def _check_size(path: Path, state: Mapping[str, Tensor]) -> None:
    """A pickle's tensor may be a view of a storage that is far smaller, or have none."""
    for key, tensor in state.items():
        if tensor.is_meta or tensor.layout is not torch.strided or tensor.is_complex():
            raise WeightsError(f"{path}: '{key}' is no plain tensor of numbers")
    size = path.stat().st_size
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    if claimed > 2 * size:  # twice, for a layer that has two names
        raise WeightsError(f"{path}: its tensors claim {claimed:,} bytes, the file has {size:,}")


def _renamed(path: Path, state: Mapping[str, Tensor], rename: Any) -> dict[str, Tensor]:
    renamed = {rename(key): tensor for key, tensor in state.items()}
    if len(renamed) < len(state):
        raise WeightsError(f"{path} holds several state dicts in one: keys with and without prefix have the same name")
    return renamed


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
