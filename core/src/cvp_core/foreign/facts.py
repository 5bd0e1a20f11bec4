"""What an index says of a foreign network, found by building it on the meta device and calling it once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..spec import Parts
from ..summary import count_macs, count_parameters

__all__ = ["Surveyed", "survey"]

Size = tuple[int, int, int]


@dataclass(frozen=True)
class Surveyed:
    """Counts, parts, and the smallest side that works out of those tried; `device` is where it was called."""

    parameters: int
    macs: int
    parts: Parts
    min_size: int
    device: str


def survey(
    build: Callable[[Size], nn.Module],
    size: Size,
    group: Callable[[nn.Module], Sequence[Sequence[str]]],
    classifiers: Callable[[nn.Module], Sequence[str]],
    sides: Sequence[int] = (),
    is_sized: bool = False,
) -> Surveyed:
    """Builds for pictures of `size`, (channels, height, width), and looks.

    group: the parameters' names in groups from input to output: stem, stages, head.
    classifiers: names of the last layers.
    sides: smaller sides to try, from the smallest. is_sized: the network is built anew for each.
    Raises what the network raises.
    """
    try:
        return _survey(build, size, group, classifiers, sides, is_sized, "meta")
    except (NotImplementedError, RuntimeError):  # it reads values while it is built or called
        return _survey(build, size, group, classifiers, sides, is_sized, "cpu")


@torch.no_grad()
def _survey(
    build: Callable[[Size], nn.Module],
    size: Size,
    group: Callable[[nn.Module], Sequence[Sequence[str]]],
    classifiers: Callable[[nn.Module], Sequence[str]],
    sides: Sequence[int],
    is_sized: bool,
    device: str,
) -> Surveyed:
    with torch.device(device):
        net = build(size).eval()
        groups = _prefixes([list(names) for names in group(net)])
        stem, *stages, head = groups if len(groups) > 1 else [(), ("",)]
        last = tuple(classifiers(net))
        named = Parts(stem, tuple(stages), head, last, "")
        features, shape = _last_map(net, torch.zeros(2, *size), named)
        width = getattr(net, "num_features", None)
        parts = Parts(
            stem=stem,
            stages=tuple(stages),
            head=head,
            classifiers=last,
            features=features,
            is_channels_last=len(shape) == 4 and shape[3] == width and shape[1] != width,
        )
        tries = ((side, (size[0], side, side)) for side in sides)
        smallest = next(
            (side for side, small in tries if _takes(lambda small: build(small).eval() if is_sized else net, small)),
            min(size[1:]),
        )
        return Surveyed(count_parameters(net), count_macs(net, size), parts, smallest, device)


def _takes(build: Callable[[Size], nn.Module], size: Size) -> bool:
    try:
        build(size)(torch.zeros(2, *size))
    except Exception:  # noqa: BLE001 - a network may refuse a size in any way
        return False
    return True


def _prefixes(groups: list[list[str]]) -> list[tuple[str, ...]]:
    """For each group of dotted names the fewest beginnings that no name of another group has."""
    owners: dict[str, set[int]] = {}
    for number, names in enumerate(groups):
        for name in names:
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                owners.setdefault(".".join(parts[:depth]), set()).add(number)
    found: list[dict[str, None]] = [{} for _ in groups]
    for number, names in enumerate(groups):
        for name in names:
            parts = name.split(".")
            beginnings = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
            found[number][next(beginning for beginning in beginnings if len(owners[beginning]) == 1)] = None
    return [tuple(group) for group in found]


def _last_map(net: nn.Module, images: Tensor, parts: Parts) -> tuple[str, tuple[int, ...]]:
    """The submodule that gives the last feature map: the last of the stages, or what only reshapes its output."""
    calls: list[tuple[str, tuple[int, ...]]] = []
    handles = []
    for name, module in net.named_modules():

        def note(module: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            if isinstance(output, Tensor):
                calls.append((name, tuple(output.shape)))

        if name:
            handles.append(module.register_forward_hook(note))
    try:
        net(images)
    finally:
        for handle in handles:
            handle.remove()
    body = [index for index, (name, _) in enumerate(calls) if parts.part_of(name) not in ("", "head")]
    if not body:
        return calls[-1]
    chosen = calls[body[-1]]
    for name, shape in calls[body[-1] + 1 :]:
        same = len(shape) == len(chosen[1]) and sorted(shape) == sorted(chosen[1])
        if parts.part_of(name) or not same:
            break
        chosen = (name, shape)
    return chosen
