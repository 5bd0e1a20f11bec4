"""A network with fewer blocks that stands for the whole one, and the kinds of modules by which it does."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..catalogue import Claim
from ..network import ImageClassifier
from ..spec import ModelSpec
from ..summary import on_meta

__all__ = ["kinds_of", "leave_blocks_out", "with_fewer_blocks"]

Kinds = frozenset[Hashable]


def kinds_of(model: nn.Module) -> Kinds:
    """Of each module class, place and settings without the numbers; an absent module is a kind too.

    Of torch's own modules the settings change nothing that a plugin's code does.
    """

    def kind(name: str, module: nn.Module | None) -> Hashable:
        is_torchs = module is None or type(module).__module__.startswith("torch.nn.")
        return type(module), _plain(f"{name} {'' if module is None or is_torchs else module.extra_repr()}")

    modules = model.named_modules()
    return frozenset(kind(f"{name}.{own}", child) for name, module in modules for own, child in module._modules.items())


def with_fewer_blocks(claim: Claim[ModelSpec], num_classes: int, size: tuple[int, int, int]) -> Claim[ModelSpec]:
    """The same builder with fewer blocks of the same kinds, or the claim itself where that cannot be had.

    Where a tuple of the variant counts blocks: two in one place and one in each other, or two in each.
    """

    def look(variant: dict[str, object]) -> tuple[Hashable, int]:
        made = replace(claim, spec=replace(claim.spec, variant=variant))
        return on_meta(made, num_classes, size, lambda model: (_makings(model), sum(1 for _ in model.modules())))

    whole = dict(claim.spec.variant)
    makings, least = look(whole)
    found = whole
    for key, value in whole.items():
        if not (isinstance(value, tuple) and value and all(type(count) is int for count in value)):
            continue
        two = tuple(min(count, 2) for count in value)
        for counts in (two, *(_one_but(two, place) for place, count in enumerate(two) if count == 2)):
            try:
                made, modules = look({**whole, key: counts})
            except Exception:  # noqa: BLE001 - whatever a builder says to numbers that are not its own
                break
            if made == makings and modules < least:
                found, least = {**whole, key: counts}, modules
            elif counts is two and two != value:
                break  # the tuple counts something else
    return replace(claim, spec=replace(claim.spec, variant=found))


@torch.no_grad()
def leave_blocks_out(model: ImageClassifier, images: Tensor) -> None:
    """Takes blocks out of rows, as long as others of their kind are left and the network answers."""
    makings = _makings(model)
    for _, row in _rows(model):
        if not any(row is module for module in model.modules()):
            continue  # gone with the block that held it
        for index in reversed(range(len(row))):
            blocks = dict(row._modules)
            looks = [_plain(repr(block)) for block in row]
            if looks[index] not in looks[:index]:
                continue
            del row[index]
            if _makings(model) != makings or not _answers(model, images):
                row._modules = blocks


def _makings(model: nn.Module) -> tuple[Kinds, Kinds]:
    """The kinds of modules, and the rows of several: code that runs twice in a row runs a third time."""
    return kinds_of(model), frozenset(_plain(name) for name, row in _rows(model) if len(row) > 1)


def _rows(model: nn.Module) -> list[tuple[str, nn.Sequential | nn.ModuleList]]:
    return [(name, row) for name, row in model.named_modules() if isinstance(row, nn.Sequential | nn.ModuleList)]


def _one_but(two: tuple[int, ...], place: int) -> tuple[int, ...]:
    """One in each place that has any, and two in this one."""
    return tuple(2 if at == place else min(count, 1) for at, count in enumerate(two))


def _plain(text: str) -> str:
    return re.sub(r"\d[\d.e-]*", "#", text)


def _answers(model: nn.Module, images: Tensor) -> bool:
    try:
        model(images)
    except Exception:  # noqa: BLE001 - whatever a network says when layers are missing
        return False
    return True
