"""Foreign state dicts to ours: the family's converter knows the keys, what is common to all is here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..catalogue import Claim
from ..errors import ConfigError, WeightsError
from ..registry import find_model
from ..spec import ModelSpec
from ..targets import load_target

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SOURCES", "WRAPPERS", "convert_for", "convert_state_dict", "rename_keys"]

SOURCES = ("torchvision", "timm")
WRAPPERS = re.compile(r"^((module|_orig_mod)\.)+")  # of DataParallel and torch.compile

Rule = tuple[str, str | Callable[[re.Match[str]], str]]


def convert_state_dict(name: str, state_dict: Mapping[str, Tensor], source: str = "torchvision") -> dict[str, Tensor]:
    """The state dict of `source`'s model with our keys, ready for `load_state_dict(strict=True)`.

    source: "torchvision", "timm", or another one of the spec's `layouts`.
    `module.` (DataParallel) and `_orig_mod.` (torch.compile) prefixes are taken off. Raises UserError
    subclasses for an unknown model, source or key.
    """
    plain = {WRAPPERS.sub("", key): tensor for key, tensor in state_dict.items()}
    return convert_for(find_model(name), plain, source)


def convert_for(claim: Claim[ModelSpec], state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """As `convert_state_dict`, for keys without such prefixes."""
    sources = dict.fromkeys([*SOURCES, *claim.spec.layouts])
    if source not in sources:
        raise ConfigError(f"source {source!r} is not one of {', '.join(sources)}")
    if not claim.spec.converter:
        raise WeightsError(f"{claim.plugin.label} cannot convert foreign weights to {claim.spec.name}")
    converted: dict[str, Tensor] = load_target(claim.spec.converter, claim.plugin.label)(dict(state_dict), source)
    return converted


def rename_keys(state_dict: Mapping[str, Tensor], rules: Sequence[Rule]) -> dict[str, Tensor]:
    """Each key's beginning rewritten by the first rule (pattern, replacement as in re.sub) that matches it.

    Raises WeightsError that lists the keys which no rule matches.
    """
    renamed: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key, tensor in state_dict.items():
        for pattern, replacement in rules:
            if re.match(pattern, key):
                renamed[re.sub(f"^(?:{pattern})", replacement, key, count=1)] = tensor
                break
        else:
            unknown.append(key)
    if unknown:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise WeightsError(f"{len(unknown)} keys belong to no part of the model: {shown}")
    return renamed
