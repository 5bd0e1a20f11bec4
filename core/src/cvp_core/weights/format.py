"""One .safetensors file is a whole classifier: saving it atomically, loading it strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor

from ..blank import without_memory
from ..building import build_model
from ..errors import NotInstalledError, PluginError, UnknownNameError, WeightsError
from ..network import ImageClassifier
from ..registry import Claim, find_model
from ..spec import ModelSpec, Preprocess
from .atomic import write_atomically
from .header import Header, read_header
from .seal import sealed
from .store import find_weights

if TYPE_CHECKING:
    from ..plugins import Plugin

__all__ = ["claim_of", "load_for", "load_model", "load_strictly", "make_header", "save", "save_tensors"]


def save(
    path: str | Path,
    model: ImageClassifier,
    *,
    classes: Sequence[str],
    preprocess: Preprocess | None = None,
    metrics: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    parent: str = "",
) -> None:
    """Writes a model of `create_model` with its class names and preprocessing as one file, atomically.

    preprocess defaults to that of the model's spec, for the model's size and channels. Raises WeightsError where
    classes and model disagree, OutputError where `path` cannot be written.
    """
    header = make_header(model, classes, preprocess, metrics, training, parent)
    save_tensors(Path(path), model.state_dict(), header)


def make_header(
    model: ImageClassifier,
    classes: Sequence[str],
    preprocess: Preprocess | None = None,
    metrics: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    parent: str = "",
) -> Header:
    """The header for `model`.

    Raises WeightsError for a model that create_model did not make, or for another size than that of `preprocess`.
    """
    if model.identity is None:
        raise WeightsError("only models that cvp_core.create_model made can be saved: the file names its builder")
    if len(classes) != model.num_classes():
        raise WeightsError(f"{len(classes)} class names for a model with {model.num_classes()} outputs")
    spec, size = find_model(model.identity.qualified_name).spec, model.identity.input_size
    if preprocess is None:
        preprocess = spec.preprocess.fitted(size)
    made = (preprocess.channels, *preprocess.size)
    if not _takes(spec, size, made):
        raise WeightsError(f"{spec.name} was built for input {_shape(size)}, its preprocessing makes {_shape(made)}")
    return Header(
        model=model.identity.model,
        distribution=model.identity.distribution,
        version=model.identity.version,
        classes=tuple(classes),
        preprocess=preprocess,
        metrics=metrics or {},
        training=training or {},
        parent=parent,
        head=model.head_kind(),
    )


def save_tensors(path: Path, state: Mapping[str, Tensor], header: Header) -> None:
    """Writes tensors under `header`, with their hash. Raises OutputError, or MachineError for a full disk."""
    plain = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
    write_atomically(path, sealed(to_bytes(plain, header.to_metadata())))


def load_model(path: Path) -> tuple[ImageClassifier, Header]:
    """The model of a weights file, in evaluation mode, and its header.

    Raises WeightsError for a file that is damaged or does not fit, NotInstalledError with the pip command
    for one whose plugin is missing.
    """
    header = read_header(path)
    claim = claim_of(path, header)
    return _loaded(path, claim, header).eval(), header


def load_for(
    claim: Claim[ModelSpec],
    weights: str | Path,
    num_classes: int | None,
    in_channels: int | None,
    image_size: tuple[int, int] | None,
) -> ImageClassifier:
    """`create_model`'s way to start from weights: as load_model, then a new head for another class count."""
    path = weights_for(claim, weights)
    header = read_header(path)
    if header.model != claim.spec.name:
        raise WeightsError(f"{path} holds {header.model}, not {claim.spec.name}")
    asked = (in_channels or header.input_size[0], *(image_size or header.input_size[1:]))
    if not _takes(claim.spec, header.input_size, asked):
        raise WeightsError(
            f"{path} was trained for input {_shape(header.input_size)}, asked for {_shape(asked)}; leave the size out"
        )
    model = _loaded(path, claim, header)
    assert model.identity is not None
    model.identity = replace(model.identity, input_size=asked)
    if num_classes is not None and num_classes != len(header.classes):
        model.reset_head(num_classes)
    return model


def weights_for(claim: Claim[ModelSpec], weights: str | Path) -> Path:
    """What `find_weights` finds, or published weights of this model by their own name, or its best: "pretrained"."""
    from .pretrained import PRETRAINED, Published, pulled

    tags = {published.name.lower(): published for published in reversed(claim.spec.weights)}
    chosen = tags.get(str(weights).lower())
    if str(weights) == PRETRAINED:
        if not tags:
            raise WeightsError(
                f"no weights are published for {claim.spec.name}; `cvp weights list` shows what there is"
            )
        chosen = claim.spec.weights[0]
    return find_weights(weights) if chosen is None else pulled(Published(claim, chosen))


def claim_of(path: Path, header: Header) -> Claim[ModelSpec]:
    """What builds the model of a file's header. Raises NotInstalledError with the pip command, or WeightsError."""
    try:
        return find_model(f"{header.distribution}/{header.model}")
    except (UnknownNameError, NotInstalledError) as error:
        release = ".".join(header.version.split(".")[:2])
        needs = f"{path} needs the model '{header.model}' of {header.distribution} {release}"
        if isinstance(error, NotInstalledError) or not _installed(header.distribution):
            raise NotInstalledError(f"{needs}, which is not installed: pip install {header.distribution}") from error
        raise WeightsError(f"{needs}, which the installed {_installed(header.distribution)} does not have") from error


def _installed(distribution: str) -> str:
    from ..plugins import discover

    found: list[Plugin] = [plugin for plugin in discover() if plugin.distribution == distribution]
    return found[0].label if found else ""


def _loaded(path: Path, claim: Claim[ModelSpec], header: Header) -> ImageClassifier:
    """The model with the file's tensors, in training mode.

    It is built without memory, so that no random weights are drawn which nobody sees; anew where that leaves a buffer
    empty that no file holds, or where the builder reads values.
    """
    try:
        with without_memory():
            model = _as_saved(claim, header)
        _load_strictly(path, model)
        if not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
            return model
    except (PluginError, NotImplementedError, RuntimeError):
        pass
    with torch.random.fork_rng(devices=[]):
        model = _as_saved(claim, header)
    _load_strictly(path, model)
    return model


def _as_saved(claim: Claim[ModelSpec], header: Header) -> ImageClassifier:
    """Freshly initialised, with the classes and the kind of head that the file has."""
    model = build_model(claim, len(header.classes), header.input_size)
    if header.head != model.head_kind():
        model.reset_head(len(header.classes), header.head)
    return model


def _load_strictly(path: Path, model: ImageClassifier) -> None:
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error
    # Copies: what was read is a view of the file, which somebody may overwrite while the model lives.
    load_strictly(model, {key: tensor.clone() for key, tensor in state.items()}, path)


def load_strictly(model: ImageClassifier, state: Mapping[str, Tensor], path: Path) -> None:
    """Gives the model these tensors, not copies. Raises WeightsError that names the keys of `path` which do not fit."""
    own = model.state_dict()
    faults = []
    if missing := sorted(own.keys() - state.keys()):
        faults.append(f"missing {_some(missing)}")
    if extra := sorted(state.keys() - own.keys()):
        faults.append(f"not in the model {_some(extra)}")
    shapes = [
        f"{key} {_shape(state[key].shape)} instead of {_shape(own[key].shape)}"
        for key in sorted(own.keys() & state.keys())
        if own[key].shape != state[key].shape
    ]
    if shapes:
        faults.append(f"of another shape {_some(shapes)}")
    if faults:
        name = model.identity.model if model.identity else type(model).__name__
        raise WeightsError(f"{path} does not fit {name}: {'; '.join(faults)}")
    model.load_state_dict(dict(state), assign=True)


def _some(items: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return f"({len(items)}): " + ", ".join(items[:limit]) + more


def _takes(spec: ModelSpec, size: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Whether a model that was built for one (channels, height, width) takes the other."""
    return size == other or (spec.any_size and size[0] == other[0])


def _shape(size: Sequence[int]) -> str:
    return "x".join(str(side) for side in size) or "scalar"
