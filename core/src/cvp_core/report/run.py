"""The report of a training run, out of its plan and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..machine import describe_device
from .facts import ReportFacts, Timing
from .page import write_report

if TYPE_CHECKING:
    from ..data import ImageSet
    from ..evaluate import Evaluation
    from ..network import ImageClassifier
    from ..train.events import EpochResult
    from ..train.planning import Plan

__all__ = ["report_run"]


def report_run(
    plan: Plan,
    path: Path,
    history: Sequence[EpochResult],
    evaluation: Evaluation | None = None,
    images: ImageSet | None = None,
    split: str = "validation",
    *,
    model: ImageClassifier | None = None,
    timing: Timing = Timing(),  # noqa: B008 - it is frozen
) -> None:
    """Writes `path`. evaluation: of `images`, of that split. model: the one that gave it, such as the best epoch's.

    Raises OutputError where the file cannot be written.
    """
    splits, plugin = plan.splits, plan.claim.plugin
    sets = {"train": splits.train, "validation": splits.val, "test": splits.test}
    paper = plan.claim.spec.paper
    about = {
        "model": f"{plan.claim.spec.name} ({plugin.label}), {plan.parameters:,} parameters",
        "paper": f"{paper.title} (arXiv:{paper.arxiv})" if paper.arxiv else paper.title,
        "data": f"{splits.name}: {splits.location}" + (" (synthetic)" if splits.synthetic else ""),
        "note": " ".join(splits.notes),
        "input": "x".join(map(str, plan.input_size)),
    }
    facts = ReportFacts(
        title=plan.title,
        classes=splits.classes,
        counts={
            name: np.bincount(each.labels, minlength=len(splits.classes))
            for name, each in sets.items()
            if each is not None
        },
        about=about,
        config=plan.config,
        history=history,
        evaluation=evaluation,
        images=images,
        split=split,
        timing=timing,
        model=model,
        preprocess=plan.preprocess,
        device=plan.device,
        precision=plan.precision,
        environment={"device": describe_device(plan.device, plan.threads), "threads": str(plan.threads)},
        plugins=(plugin.distribution,),
    )
    write_report(path, facts=facts)
