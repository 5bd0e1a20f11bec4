"""Checks that a model can be scripted, traced as one graph and exported, with equal logits at batch 5, 2 and 1.

They take long on a deep network, and most of its blocks are alike: `Subject.condensed` leaves two of each kind.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental import _config as fx_config

from .subject import CheckError, Subject, require

__all__ = ["compiles_as_one_graph", "exports", "scripts"]

_ADVICE = "iterate ModuleLists, and have no lambdas, no computing properties and no branch on batch size or values"


def scripts(subject: Subject) -> None:
    """torch.jit.script."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated; here it is asked for by name
        _compare(subject, torch.jit.script, "torch.jit.script")


def compiles_as_one_graph(subject: Subject) -> None:
    """torch.compile(fullgraph=True): one graph, traced at batch 5, for every batch."""
    torch.compiler.reset()

    def compile_it(model: nn.Module) -> Any:
        return torch.compile(model, fullgraph=True, backend="eager")

    # Otherwise dynamo would trace a second graph for a batch of 1, which doubles the time.
    with fx_config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        _compare(subject, compile_it, "torch.compile(fullgraph=True)", mark_batch=True)


def exports(subject: Subject) -> None:
    """torch.export with a dynamic batch."""

    def export(model: nn.Module) -> Any:
        shapes = ({0: torch.export.Dim("batch")},)
        return torch.export.export(model, (subject.pictures(2),), dynamic_shapes=shapes).module()

    _compare(subject, export, "torch.export")


@torch.no_grad()
def _compare(
    subject: Subject, compile_it: Callable[[nn.Module], Callable[[Tensor], Tensor]], way: str, mark_batch: bool = False
) -> None:
    eager = subject.condensed()
    try:
        compiled = compile_it(eager)
        for count in (5, 2, 1):
            images = subject.pictures(count)
            expected = eager(images)
            if mark_batch and count > 1:
                torch._dynamo.mark_dynamic(images, 0)
            answer = compiled(images)
            tolerance = 1e-5 * max(1.0, expected.abs().max().item())
            close = answer.shape == expected.shape and torch.allclose(answer, expected, rtol=0, atol=tolerance)
            require(close, f"{way} gives other logits at batch {count}", _ADVICE)
    except CheckError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckError(f"{way} fails: {type(error).__name__}: {reason}", _ADVICE) from error
