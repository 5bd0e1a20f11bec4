"""The model card: on one page, in Markdown, what somebody else has to know before they trust a weights file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..weights.atomic import write_atomically
from .card_facts import CardFacts, facts_of_file, facts_of_run
from .card_results import limits, results
from .card_text import code, number, percent, rows, words
from .front_matter import front_matter
from .repeat import changed_settings, repeat_command
from .text import time_of

if TYPE_CHECKING:
    from ..evaluate import Evaluation
    from ..train.events import EpochResult
    from ..train.planning import Plan

__all__ = ["CARD", "card_of_file", "card_run", "render_card", "with_address"]

CARD = "MODEL_CARD.md"
_MOST_NAMED = 12
_NEEDS = re.compile(r"^With cvp-cli and (\S+) installed:$", re.MULTILINE)


def card_run(
    plan: Plan,
    run: Path,
    history: Sequence[EpochResult],
    evaluation: Evaluation | None = None,
    split: str = "validation",
    seconds: float | None = None,
) -> None:
    """Writes MODEL_CARD.md into the folder of a run that has kept weights. evaluation: of them, on that split.

    seconds: that the run took. Raises OutputError where the file cannot be written.
    """
    facts = facts_of_run(plan, run / "best.safetensors", history, evaluation, split, seconds)
    write_atomically(run / CARD, render_card(facts).encode("utf-8", "replace"))


def card_of_file(weights: Path, title: str = "") -> str:
    """The card of a weights file whose run is not here: shorter, and it says what is not known."""
    return render_card(facts_of_file(weights, title))


def render_card(facts: CardFacts) -> str:
    """The card, front matter included."""
    parts = (_summary, _model, _data, results, limits, _use, _repeat)
    body = "\n\n".join(text for part in parts if (text := part(facts)))
    return f"{front_matter(facts)}\n\n# {words(facts.title)}\n\n{body}\n"


def with_address(card: str, address: str) -> str:
    """The card with how to use the weights at another place; what somebody wrote into its other parts stays."""
    before, heading, rest = card.partition("\n## Use\n")
    if not heading:
        return card
    end = rest.find("\n## ")
    needs = _NEEDS.search(rest)
    usage = _usage(address, needs[1] if needs else "")
    return f"{before}\n{usage}\n{rest[end:] if end >= 0 else ''}"


def _summary(facts: CardFacts) -> str:
    classes = facts.header.classes
    named = ", ".join(map(words, classes[:_MOST_NAMED])) + (", …" if len(classes) > _MOST_NAMED else "")
    told = f"An image classifier: {words(facts.header.model)}, trained to tell {len(classes)} classes apart ({named})."
    if facts.evaluation is not None:
        right, samples = percent(facts.evaluation.top1), f"{facts.evaluation.samples:,}"
        told += f" It names {right} of {samples} {facts.split} pictures right."
    if facts.data.is_synthetic:
        told += "\n\n**Its pictures were painted by a program. Nothing was measured on photographs.**"
    return told


def _model(facts: CardFacts) -> str:
    header, spec = facts.header, facts.claim.spec if facts.claim else None
    paper = spec.paper if spec else None
    lines = {"architecture": f"{words(header.model)}, from {words(header.distribution)} {words(header.version)}"}
    if paper and paper.title:
        title = f"[{words(paper.title)}]({paper.url})" if paper.url else words(paper.title)
        who = ", ".join(str(each) for each in (paper.authors, paper.year) if each)
        lines["paper"] = f"{title}{f' ({words(who)})' if who else ''}"
    if facts.parameters:
        lines["size"] = f"{facts.parameters:,} parameters, {number(facts.macs)} multiply-accumulates a picture"
    lines["input"] = _input(facts)
    lines["began from"] = _began(facts)
    lines["licence"] = f"code {words(spec.licence)}" if spec and spec.licence else "code: unknown"
    return f"## Model\n\n{rows(('', ''), lines.items())}"


def _input(facts: CardFacts) -> str:
    prepared = facts.header.preprocess
    height, width = prepared.size
    colours = {1: "grey", 3: "RGB"}.get(prepared.channels, f"{prepared.channels} channels")
    if prepared.resize is None:
        scaled = f"scaled to {height}x{width} pixels"
    else:
        scaled = f"shorter side scaled to {prepared.resize} pixels, centre crop of {height}x{width}"
    mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (prepared.mean, prepared.std))
    return f"{colours}, {scaled} ({prepared.interpolation}), 0..1, minus mean {mean}, divided by std {std}"


def _began(facts: CardFacts) -> str:
    parent = facts.parent
    if parent is None:
        return "random weights"
    where = f" ({parent.url})" if parent.url.startswith(("https://", "hf://")) and parent.url != parent.name else ""
    licence = f"licence {words(parent.licence)}" if parent.licence else "licence unknown: ask before you use it"
    return f"the weights {words(parent.name)}{words(where)}, {licence}"


def _data(facts: CardFacts) -> str:
    data = facts.data
    if not data.name:
        return "## Data\n\nThe file does not say what it was trained on."
    spec = data.spec
    kind = spec.summary.partition(";")[0] if spec else "pictures of whoever trained it, not published here"
    told = [f"`{code(data.name)}`: {words(kind)}"]
    if spec and spec.url:
        told.append(spec.url)
    if spec:
        told.append(f"licence {words(spec.licence)}" if spec.licence else "licence unknown")
    text = f"## Data\n\n{', '.join(told)}."
    sizes = [f"{int(each.sum()):,} {split}" for split, each in data.counts.items()]
    if sizes:
        text += f" Pictures: {', '.join(sizes)}."
    if data.drawn:
        text += f" The validation pictures were taken out of the training pictures: {data.drawn}."
    return text


def _use(facts: CardFacts) -> str:
    return _usage(facts.title, facts.header.distribution)


def _usage(address: str, distribution: str) -> str:
    needs = f"With cvp-cli and {code(distribution)} installed:\n\n" if distribution else ""
    command = f"    cvp predict {code(address)} photo.jpg"
    python = f'    import cvp_core\n    cvp_core.load("{code(address)}").predict("photo.jpg")'
    return f"## Use\n\n{needs}{command}\n\nor in Python, the best guess first:\n\n{python}"


def _repeat(facts: CardFacts) -> str:
    config = facts.config
    if config is None:
        training = {key: value for key, value in facts.header.training.items() if key not in ("data", "val_data")}
        known = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in training.items() if value != "")
        return f"## Training\n\nThe run is not here; the file says of it: {words(known)}." if known else ""
    changed = ", ".join(f"{name} {_setting(value)}" for name, value in changed_settings(config).items())
    best = next((result.epoch for result in reversed(facts.history) if result.is_best), None)
    told = []
    if facts.history:
        took = f" in {time_of(facts.seconds)}".replace("\N{NO-BREAK SPACE}", " ") if facts.seconds is not None else ""
        kept = f", the weights of epoch {best} kept" if best else ""
        done = (
            str(len(facts.history))
            if len(facts.history) == config.epochs
            else f"{len(facts.history)} of {config.epochs}"
        )
        told.append(f"Trained for {done} epoch{'s' if config.epochs != 1 else ''}{took}{kept}.")
    if changed:
        told.append(f"Settings beside the defaults: {words(changed)}.")
    command = repeat_command(config, facts.recipe, facts.precision)
    environment = "; ".join(f"{name} {value}" for name, value in facts.environment.items())
    return (
        f"## Training\n\n{' '.join(told)} This command trains it again:\n\n    {code(command)}\n\n"
        f"Environment: {words(environment)}."
    )


def _setting(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "/".join(map(_setting, value)) if isinstance(value, tuple) else str(value)
