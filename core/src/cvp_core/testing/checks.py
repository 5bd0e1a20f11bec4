"""All checks of the conformance suite, by the name that its table shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import behaviour, compiled, declared
from .subject import CheckError, Subject

__all__ = ["CHECKS", "Check", "CheckError", "Subject"]


@dataclass(frozen=True)
class Check:
    """One promise. `run` raises CheckError, or whatever the model raises."""

    name: str
    run: Callable[[Subject], None]


CHECKS = tuple(
    Check(function.__name__.replace("_", "-"), function)
    for function in (
        declared.spec_is_complete,
        declared.costs_are_true,
        declared.name_is_unique,
        declared.listing_is_torch_free,
        declared.import_is_quick,
        declared.uses_no_pickle,
        behaviour.seed_fixes_weights,
        behaviour.keys_are_stable,
        behaviour.logits_have_their_shape,
        behaviour.sizes_work,
        behaviour.channels_are_free,
        behaviour.head_swaps,
        behaviour.freezes_by_stage,
        behaviour.gradients_reach_all,
        behaviour.loss_falls,
        behaviour.calls_leave_no_state,
        behaviour.layouts_and_bfloat16_agree,
        behaviour.weights_round_trip,
        compiled.scripts,
        compiled.compiles_as_one_graph,
        compiled.exports,
    )
)
