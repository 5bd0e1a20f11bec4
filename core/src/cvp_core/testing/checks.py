"""All checks of the conformance suite, by the name that its table shows."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from . import behaviour, compiled, declared
from .subject import CheckError, Subject

__all__ = ["CHECKS", "Check", "CheckError", "Subject"]


@dataclass(frozen=True)
class Check:
    """One promise. `look` raises CheckError, or whatever the model raises.

    is_of_code: the promise is kept by the modules' code, whatever their widths and counts; a network that keeps it
    stands for the others in a run that the same builder makes of the same kinds of modules, or of some of them.
    """

    name: str
    look: Callable[[Subject], None]
    is_of_code: bool = False

    def run(self, subject: Subject) -> None:
        """Looks, unless this promise of code is shown already."""
        if not self.is_of_code:
            self.look(subject)
            return
        builder, kinds = subject.kinds()
        shown = _shown.setdefault((self.name, builder), [])
        if not any(kinds <= others for others in shown):
            self.look(subject)
            shown.append(kinds)


_shown: dict[tuple[str, Hashable], list[frozenset[Hashable]]] = {}  # by check and builder

_OF_NUMBERS = (
    declared.spec_is_complete,
    declared.costs_are_true,
    declared.name_is_unique,
    declared.listing_is_torch_free,
    declared.import_is_quick,
    declared.uses_no_pickle,
    behaviour.logits_have_their_shape,
    behaviour.sizes_work,
    behaviour.layouts_and_bfloat16_agree,
)
_OF_CODE = (
    behaviour.seed_fixes_weights,
    behaviour.weights_round_trip,
    behaviour.keys_are_stable,
    behaviour.channels_are_free,
    behaviour.head_swaps,
    behaviour.freezes_by_stage,
    behaviour.gradients_reach_all,
    behaviour.calls_leave_no_state,
    behaviour.loss_falls,
    compiled.scripts,
    compiled.compiles_as_one_graph,
    compiled.exports,
)
CHECKS = tuple(Check(look.__name__.replace("_", "-"), look, look in _OF_CODE) for look in (*_OF_NUMBERS, *_OF_CODE))
