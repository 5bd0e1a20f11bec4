"""`cvp compile`: the fastest correct forward pass on this machine, as one artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..options import data_option, device_option, image_size_option, json_option, offline_option, weights_dir_option

if TYPE_CHECKING:
    from cvp_core.compile import Sample, Trial
    from cvp_core.compile.parity import Accuracy
    from cvp_core.weights.header import Header

__all__ = ["command"]

JUDGED, CALIBRATED = 1000, 300  # pictures for int8


class BatchSize(click.ParamType):
    name = "N|dynamic"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "dynamic" or isinstance(value, int):
            return value
        if not str(value).isdigit() or int(value) < 1:
            self.fail(f"{value!r} is neither a count of at least 1 nor 'dynamic'", param, ctx)
        return int(value)


@click.command("compile")
@click.argument("source", metavar="MODEL_OR_CHECKPOINT")
@click.option("-o", "--output", type=click.Path(), help="The artifact's folder; otherwise NAME.cvp in the store.")
@click.option(
    "--backend", default="auto", show_default=True, help="auto tries all that are installed; inductor:MODE one mode."
)
@click.option("--precision", default="auto", show_default=True, help="auto, float32, bfloat16, float16, int8.")
@click.option("--batch-size", type=BatchSize(), default="1", show_default=True, help="Pictures at a time.")
@click.option("--hint", type=click.Choice(["latency", "throughput"]), default="latency", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="To compute with; otherwise as the backend likes.")
@click.option(
    "--max-drop",
    type=click.FloatRange(min=0, max=100),
    metavar="POINTS",
    help="Try int8 too, and allow it to lose this many percentage points of accuracy on DATA.",
)
@click.option("--time-limit", type=click.FloatRange(min=1), default=300, show_default=True, help="Seconds a candidate.")
@image_size_option
@data_option
@device_option
@weights_dir_option
@offline_option
@json_option
def command(
    source: str,
    output: str | None,
    backend: str,
    precision: str,
    batch_size: int | str,
    hint: str,
    threads: int | None,
    max_drop: float | None,
    time_limit: float,
    image_size: tuple[int, int] | None,
    data: str | None,
    device: str,
    weights_dir: str | None,
    as_json: bool,
) -> None:
    """Make the fastest artifact with the right answers.

    MODEL_OR_CHECKPOINT is compiled by every backend that is installed, and the fastest that is right is kept.
    Each candidate runs in a process of its own and is compared with the plain model in float32, on pictures of DATA
    if it is given. The artifact holds class names, preprocessing and weights; predict and evaluate take it.

    \b
    cvp compile densenet121-birds
    cvp compile densenet121-birds --batch-size 16 --precision float32 -o birds.cvp
    cvp compile densenet121-birds --data birds --max-drop 0.5
    """
    from pathlib import Path

    from cvp_core.compile import Job, candidates, compile_model
    from cvp_core.compile.artifact import ARTIFACT_SUFFIX
    from cvp_core.machine import describe_device, pick_device
    from cvp_core.subject import find_subject
    from cvp_core.weights.store import weights_dir as store_folder

    from ..output import format_percent, format_seconds, format_shape, format_size, print_facts, print_json, say

    if max_drop is not None and data is None:
        raise click.UsageError("--max-drop is counted on labelled pictures: --data DATA")
    chosen = pick_device(device)
    subject = find_subject(source, image_size, weights_dir)
    if not subject.weights:
        say(f"warning: {subject.label} has random weights; compile a checkpoint for answers that mean something")
    model, header = subject.open()
    if subject.input_size != header.input_size:
        raise click.UsageError("--image-size goes with a model's name; a checkpoint has its own size")
    count = None if batch_size == "dynamic" else int(batch_size)
    job = Job(header.input_size, batch_size=count, device=chosen, threads=threads, hint=hint)
    trying, left_out = candidates(backend, precision, job, may_be_lossy=max_drop is not None)
    file_name = subject.label.replace("/", "-") + ARTIFACT_SUFFIX
    target = Path(output).expanduser() if output else store_folder(weights_dir) / file_name

    def show_facts(facts: dict[str, str]) -> None:
        if not as_json:
            print_facts(facts)

    show_facts(
        {
            "model": f"{header.model} ({header.distribution} {header.version}), {len(header.classes)} classes",
            "device": describe_device(chosen),
            "job": f"{'any number' if count is None else count} at {format_shape(header.input_size)}, {hint}",
            "left out": "\n".join(left_out),
        }
    )
    sample = _sample(data, header, max_drop is not None) if data else None
    kept, trials = compile_model(
        model,
        header,
        target,
        trying,
        sample=sample,
        max_drop=max_drop,
        time_limit=time_limit,
        tell=lambda trial: say(
            f"{'again' if trial.is_final else 'tried'}  {trial.candidate.label}: "
            f"{trial.fault or f'{trial.images_per_s:.1f} images/s'}"
        ),
    )
    if as_json:
        print_json({"artifact": str(target), "kept": _document(kept), "trials": [_document(trial) for trial in trials]})
        return
    _print_trials(trials, kept)
    plain = next((t for t in trials if t.candidate.label == "eager float32" and t.timing), None)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    times = f", {kept.images_per_s / plain.images_per_s:.1f} times eager float32" if plain else ""
    assert kept.parity is not None
    budget = f", {max_drop:g} allowed" if max_drop is not None else ""
    click.echo()
    print_facts(
        {
            "keeps": f"{kept.candidate.label}{times}",
            "parity": f"{format_percent(kept.parity.agreement)} of {kept.parity.pictures} pictures named alike, "
            f"probabilities within {kept.parity.probability:.4f}",
            "accuracy": f"{_accuracy(kept.accuracy)}{budget}" if kept.accuracy else "",
            "artifact": f"{target} ({format_size(size)}), loads in {format_seconds(kept.load_s)}",
            "next": f"cvp predict {target if output else target.name} photo.jpg",
        }
    )


def _sample(data: str, header: Header, is_judged: bool) -> Sample:
    """Pictures of the data's test or validation split; to be judged by, more of them, and others to calibrate on."""
    from cvp_core.compile import Sample
    from cvp_core.compile.trial import COMPARED
    from cvp_core.data import open_data
    from cvp_core.evaluate import draw, match_classes, pick_split

    splits = open_data(data)
    judged, training = (pick_split(splits, name, seed=0, val_fraction=0.2)[1] for name in ("auto", "train"))
    if not is_judged:
        pictures = draw(judged, header.preprocess, COMPARED)[0]
        return Sample(pictures, pictures)
    mapping = match_classes(splits.classes, header.classes, header.model)
    pictures, labels = draw(judged, header.preprocess, JUDGED)
    calibration, _ = draw(training, header.preprocess, CALIBRATED)
    return Sample(pictures, calibration, mapping[labels])


def _print_trials(trials: list[Trial], kept: Trial) -> None:
    from ..output import format_seconds, print_table

    rows = []
    for trial in trials:
        label = trial.candidate.name + (" *" if trial is kept else "")
        if trial.timing is None or trial.parity is None:
            rows.append((label, trial.candidate.job.precision, "-", "-", "-", "-", "-", trial.fault))
            continue
        rows.append(
            (
                label,
                trial.candidate.job.precision,
                format_seconds(trial.compile_s),
                f"{1000 * trial.timing.p50:.1f}",
                f"{1000 * trial.timing.p95:.1f}",
                f"{trial.images_per_s:.1f}",
                f"{trial.memory_mb:.0f}",
                trial.fault or _verdict(trial),
            )
        )
    columns = ("BACKEND", "PRECISION", "COMPILE", "p50 ms", "p95 ms", "IMAGES/S", "MB", "PARITY")
    print_table(columns, rows, right=("COMPILE", "p50 ms", "p95 ms", "IMAGES/S", "MB"))


def _verdict(trial: Trial) -> str:
    if trial.accuracy is not None:
        return f"ok: {_accuracy(trial.accuracy)}"
    return f"ok: logits within {trial.parity.logits:.1e}" if trial.parity else "ok"


def _accuracy(accuracy: Accuracy) -> str:
    from ..output import format_percent

    lost = f"{accuracy.drop:.2f} points less than float32's {format_percent(accuracy.plain)}"
    return f"{format_percent(accuracy.top1)} of {accuracy.pictures} pictures right, {lost}"


def _document(trial: Trial) -> dict[str, Any]:
    timing, parity = trial.timing, trial.parity
    return {
        "backend": trial.candidate.name,
        "precision": trial.candidate.job.precision,
        "batch_size": trial.candidate.job.batch_size,
        "compile_s": trial.compile_s,
        "load_s": trial.load_s,
        "latency_ms": 1000 * timing.p50 if timing else None,
        "p95_ms": 1000 * timing.p95 if timing else None,
        "images_per_s": trial.images_per_s if timing else None,
        "memory_mb": trial.memory_mb,
        "parity": parity.to_json() if parity else None,
        "accuracy": trial.accuracy.to_json() if trial.accuracy else None,
        "fault": trial.fault,
    }
