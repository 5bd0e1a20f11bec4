"""Published weights by name: `MODEL.WEIGHTS`, brought here once, converted, and kept as a file like any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..catalogue import Claim, near_misses
from ..digest import file_digest
from ..download import fetch
from ..errors import MachineError, PluginError, UnknownNameError, WeightsError
from ..locks import taking_turns
from ..places import user_cache
from ..registry import find_model, matching, models
from ..spec import ModelSpec, WeightsSpec
from ..targets import load_target
from .atomic import make_folder
from .locate import address, addresses, carried_file, is_carried, published_digest
from .store import SUFFIX

__all__ = ["PRETRAINED", "Published", "class_names", "find_published", "kept", "published", "pulled", "pulled_folders"]

PRETRAINED = "pretrained"  # instead of a name: the best that are published for the model
INCOMING = "incoming"  # beside what is whole: files on their way here


@dataclass(frozen=True, slots=True)
class Published:
    """Weights that somebody published for a model of an installed plugin."""

    claim: Claim[ModelSpec]
    weights: WeightsSpec

    @property
    def name(self) -> str:
        """What a user types: resnet50.imagenet1k_v2."""
        return f"{models().label(self.claim.spec.name, self.claim)}.{self.weights.name.lower()}"

    @property
    def path(self) -> Path:
        """Where it is kept after it was pulled."""
        file = f"{self.claim.spec.name}.{self.weights.name.lower()}{SUFFIX}"
        return pulled_folders()[0] / self.claim.plugin.distribution / file

    @property
    def is_here(self) -> bool:
        return self.path.is_file()


def pulled_folders() -> tuple[Path, Path]:
    """Where published weights are kept, by distribution, and those of cvp on the hub, by owner and repository."""
    return user_cache("pretrained"), user_cache("hub")


def published(pattern: str = "*") -> Iterator[Published]:
    """What is published for the models whose names match."""
    for claim in matching(pattern):
        for weights in claim.spec.weights:
            yield Published(claim, weights)


def find_published(name: str) -> Published:
    """MODEL.WEIGHTS, or a model or family alone for its best. Raises UnknownNameError or WeightsError if none."""
    model, dot, tag = name.rpartition(".")
    try:
        claim, tag = find_model(name), ""  # a model's name may have a point in it
    except UnknownNameError:
        if not dot:
            raise
        claim = find_model(model)
    spec = claim.spec
    if not spec.weights:
        raise WeightsError(
            f"no weights are published for {spec.name}; `cvp weights list` shows for which there are some, "
            f"`cvp weights import FILE --model {spec.name}` takes a file"
        )
    for weights in spec.weights:
        if not tag or weights.name.lower() == tag.lower():
            return Published(claim, weights)
    known = [weights.name.lower() for weights in spec.weights]
    near = near_misses(tag, known)
    raise UnknownNameError(f"no weights '{tag}' are published for {spec.name}.{near} There are {', '.join(known)}.")


def pulled(found: Published) -> Path:
    """The file of published weights: downloaded, verified and converted if it is not here yet.

    Processes that want weights of the same distribution wait for one another; what was received stays for the next try.
    Raises MachineError where no address delivers, DataError for a file with another hash, WeightsError for one that
    does not fit, NotInstalledError for a pip package that is missing, OutputError.
    """
    if found.is_here:
        return found.path
    if is_carried(found.weights):
        return kept(found, carried_file(found.weights))
    with taking_turns(make_folder(found.path.parent)):
        if found.is_here:
            return found.path
        own = address(found.weights)
        file = own.rpartition("/")[2]
        target = found.path.parent / INCOMING / f"{found.path.stem}.{file}"
        digest = published_digest(found.weights)
        try:
            fetch(addresses(found.weights), digest, target)
        except MachineError as error:
            reason = str(error).partition(". Without")[0].partition("; put")[0]  # the way by hand is another one here
            raise MachineError(
                f"{reason}. Or get {own} in any way, then: cvp weights import {file} --model {found.name}"
            ) from error
        try:
            _convert(found, target, file_digest(target))
        except WeightsError:
            if digest is None:  # not known to be right: the next try asks for it again
                target.unlink()
            raise
        target.unlink()
        return found.path


def kept(found: Published, file: Path) -> Path:
    """The same from a file that somebody got in another way. Raises WeightsError if it is not the published one."""
    if not file.is_file():
        raise WeightsError(f"no file {file}; {found.name} is published at {address(found.weights)}")
    digest = file_digest(file)
    if not digest.startswith(found.weights.sha256.lower()):
        raise WeightsError(
            f"{file} is not what is published as {found.name} (hash {digest}, expected {found.weights.sha256})"
        )
    _convert(found, file, digest)
    return found.path


def class_names(weights: WeightsSpec) -> list[str]:
    """The names of its classes, one an output; numbers where nobody gives any. Raises PluginError for a wrong count."""
    if weights.labels:
        names = [str(name) for name in load_target(weights.labels, weights.name)()]
        if len(names) != weights.classes:
            raise PluginError(
                f"{weights.labels} gives {len(names)} names, {weights.name} has {weights.classes} classes"
            )
        return names
    if weights.classes == 1000:
        from ..labels import imagenet

        return list(imagenet())
    return [f"class {index}" for index in range(weights.classes)]


def _convert(found: Published, file: Path, digest: str) -> None:
    """The source's file as one of ours, with all that is known of it in the header. digest: its SHA-256."""
    from ..summary import on_meta
    from .convert import convert_for
    from .foreign import fitted, read_tensors
    from .format import load_strictly, make_header, save_tensors
    from .header import read_header

    weights = found.weights
    state = read_tensors(file)
    if weights.source != "cvp":
        state = convert_for(found.claim, state, weights.source)
    size = (weights.preprocess.channels, *weights.preprocess.size)
    model = on_meta(found.claim, weights.classes, size, lambda model: model)
    load_strictly(model, fitted(state, model), file)
    shares = {name: percent / 100 for name in ("top1", "top5") if (percent := getattr(weights, name)) is not None}
    header = make_header(
        model,
        read_header(file).classes if weights.source == "cvp" else class_names(weights),
        weights.preprocess,
        metrics=shares,
        training={"source": weights.source, "sha256": digest, "licence": weights.licence},
        parent=weights.url,
    )
    save_tensors(found.path, model.state_dict(), header)
