"""Checkpoints of other programs into the store: whose keys they have is found by trying."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ..catalogue import Claim
from ..digest import file_digest
from ..errors import ConfigError, CvpError, UnknownNameError, WeightsError
from ..network import ImageClassifier
from ..registry import find_model
from ..spec import ModelSpec
from ..summary import on_meta
from .convert import SOURCES, convert_for
from .foreign import fitted, non_finite, read_tensors
from .format import load_model, load_strictly, make_header, save_tensors
from .header import Header, read_header
from .inventory import stored_file
from .pretrained import Published, find_published, kept
from .store import SUFFIX

__all__ = ["Imported", "class_list", "fit", "import_weights"]

OURS = "cvp"


@dataclass(frozen=True, slots=True)
class Imported:
    """name: what finds it from now on. layout: whose keys the file had. notes: what was assumed, a sentence each."""

    name: str
    path: Path
    header: Header
    layout: str
    notes: tuple[str, ...] = ()


def import_weights(
    file: Path,
    model: str,
    *,
    name: str = "",
    classes: Sequence[str] = (),
    image_size: tuple[int, int] | None = None,
    folder: str | Path | None = None,
    overwrite: bool = False,
) -> Imported:
    """Converts a checkpoint of `model`, with whatever count of classes and channels it has, into the weight store.

    model: a name for `create_model`; or MODEL.WEIGHTS, which says that this is the published file. A file with the
    hash of a published one is recognised. name: in the store; the file's own if not given. classes: one name an
    output; else the file's own, ImageNet's for 1000, or numbers. image_size: (height, width) of a network that is
    built for one.
    Raises WeightsError for a file that is damaged, dangerous or fits in no layout, ConfigError for names.
    """
    claim, found = _named(model, file, is_plain=not name and not classes)
    if found is not None:
        path = kept(found, file)
        return Imported(found.name, path, read_header(path), found.weights.source, (f"this is {found.name}",))
    target = stored_file(name or file.name.partition(".")[0], folder)
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} is there already; --name gives another name, --overwrite replaces it")
    notes: list[str] = []
    own = _own_header(file, claim)
    if own is not None:
        network, layout = load_model(file)[0], OURS
        state = network.state_dict()
    else:
        network, state, layout = fit(claim, read_tensors(file), file, image_size)
        if layout != OURS and claim.spec.layouts and layout not in claim.spec.layouts:
            notes.append(f"the keys are {layout}'s, of which no network is known that computes the same: evaluate it")
    if broken := non_finite(state.items()):
        raise WeightsError(f"{file} holds values that are not finite, in {_some(broken)}; it cannot be used")
    names = list(classes or (own.classes if own else ()))
    if not names:
        names = _default_names(network.num_classes(), notes)
    header = make_header(
        network,
        _checked_classes(names, network.num_classes()),
        own.preprocess if own else None,
        metrics=own.metrics if own else {},
        training={**(own.training if own else {}), "source": layout, "sha256": file_digest(file)},
        parent=(own.parent if own else "") or file.name,
    )
    save_tensors(target, state, header)
    return Imported(target.name.removesuffix(SUFFIX), target, header, layout, tuple(notes))


def class_list(text: str) -> list[str]:
    """Class names from a file with one a line, or from a text with commas between. Raises ConfigError."""
    path = Path(text).expanduser()
    if text and path.is_file():
        try:
            names = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} cannot be read as a list of class names: {error}") from error
        while names and not names[-1].strip():
            names.pop()
        return [name.strip() for name in names]
    if text.endswith((".txt", ".csv", ".json")):
        raise ConfigError(f"no file {text}; --classes takes a file with a class name a line, or names with commas")
    return [name.strip() for name in text.split(",")] if text else []


def fit(
    claim: Claim[ModelSpec], state: Mapping[str, Tensor], file: Path, image_size: tuple[int, int] | None = None
) -> tuple[ImageClassifier, dict[str, Tensor], str]:
    """(the network on the meta device, the tensors with its keys, the layout) of a foreign state dict.

    Ours is tried first, then the layouts of the spec, then torchvision's and timm's. Raises WeightsError of the
    nearest, the one with the fewest keys that do not fit.
    """
    layouts = [OURS, *dict.fromkeys([*claim.spec.layouts, *SOURCES])] if claim.spec.converter else [OURS]
    spec = claim.spec
    size = (spec.input_size[0], *(image_size or spec.input_size[1:]))
    blank = on_meta(claim, spec.num_classes, size, lambda model: model)
    misfits: list[tuple[int, str, Exception]] = []
    for layout in layouts:
        try:
            converted = dict(state) if layout == OURS else convert_for(claim, state, layout)
        except Exception as error:  # noqa: BLE001 - what a converter makes of keys that it does not know
            count = re.match(r"\d+", str(error)) if isinstance(error, CvpError) else None
            misfits.append((int(count[0]) if count else len(state), layout, error))
            continue
        network = blank
        try:
            converted = fitted(converted, blank)
            if converted.keys() == blank.state_dict().keys():
                network = _sized(claim, blank, converted)
            load_strictly(network, converted, file)
            return network, converted, layout
        except WeightsError as error:
            misfits.append((_misfits(network, converted), layout, error))
    _, layout, nearest = min(misfits, key=lambda misfit: misfit[0])
    reason = str(nearest).removeprefix(f"{file} does not fit {spec.name}: ")
    reason = reason if isinstance(nearest, CvpError) else f"{type(nearest).__name__}: {reason}"
    raise WeightsError(
        f"{file} does not fit {spec.name}, in no layout of {', '.join(layouts)}; nearest is {layout}: {reason}"
    )


def _sized(claim: Claim[ModelSpec], blank: ImageClassifier, state: Mapping[str, Tensor]) -> ImageClassifier:
    """`blank` with as many classes and channels as its last and first layer have in `state`, which has its keys."""
    assert blank.identity is not None
    size = blank.identity.input_size
    classes, channels = blank.num_classes(), size[0]
    last = state[f"{blank.parts.classifiers[0]}.weight"]
    if last.ndim and len(last):
        classes = len(last)
    for name, layer in blank.named_modules():
        if isinstance(layer, nn.Conv2d):
            first = state[f"{name}.weight"]
            if first.ndim == 4 and first.shape[1]:
                channels = first.shape[1] * layer.groups
            break
    if (classes, channels) == (blank.num_classes(), size[0]):
        return blank
    return on_meta(claim, classes, (channels, *size[1:]), lambda model: model)


def _misfits(network: nn.Module, state: Mapping[str, Tensor]) -> int:
    own = network.state_dict()
    both = own.keys() & state.keys()
    return len(own.keys() ^ state.keys()) + sum(own[key].shape != state[key].shape for key in both)


def _named(model: str, file: Path, is_plain: bool) -> tuple[Claim[ModelSpec], Published | None]:
    """The model, and which published weights the file is, if any. is_plain: nothing else was asked for."""
    try:
        claim = find_model(model)
    except UnknownNameError:
        if "." not in model:
            raise
        found = find_published(model)
        return found.claim, found
    if not is_plain or not file.is_file():
        return claim, None
    digest = file_digest(file)
    same = (weights for weights in claim.spec.weights if weights.sha256 and digest.startswith(weights.sha256.lower()))
    return claim, next((Published(claim, weights) for weights in same), None)


def _own_header(file: Path, claim: Claim[ModelSpec]) -> Header | None:
    """That of a file which cvp wrote. Raises WeightsError where it is another model's."""
    from .contents import read_contents

    if file.suffix != SUFFIX or not file.is_file() or "cvp" not in read_contents(file).metadata:
        return None
    header = read_header(file)
    if (header.distribution, header.model) != (claim.plugin.distribution, claim.spec.name):
        raise WeightsError(f"{file} holds {header.model} of {header.distribution}, not {claim.spec.name}")
    return header


def _default_names(count: int, notes: list[str]) -> list[str]:
    if count == 1000:
        from ..labels import imagenet

        notes.append("the 1000 classes are taken for ImageNet's; --classes names others")
        return list(imagenet())
    notes.append(f"the {count} classes have numbers; --classes gives them names")
    return [f"class {index}" for index in range(count)]


def _checked_classes(names: Sequence[str], count: int) -> list[str]:
    if len(names) != count:
        raise WeightsError(f"{len(names)} class names for a network with {count} outputs")
    if empty := [index for index, name in enumerate(names) if not name.strip()]:
        raise ConfigError(f"class {empty[0]} has no name")
    return list(names)


def _some(names: Sequence[str], limit: int = 3) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(f"'{name}'" for name in names[:limit]) + more
