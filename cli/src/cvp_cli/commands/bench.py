"""`cvp bench`: how fast models run here, backend by backend, beside what the machine can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import device_option, image_size_option, json_option, offline_option, weights_dir_option

if TYPE_CHECKING:
    from cvp_core.bench import Limits, Row

__all__ = ["command"]

_CHARTS = (".png", ".svg", ".pdf")


class BatchSizes(click.ParamType):
    """Counts with commas between them: 1,16."""

    name = "counts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isdecimal() and 0 < int(part) <= 65536 for part in parts):
            self.fail(f"{value!r} is not a count or several, such as 1,16", param, ctx)
        return tuple(dict.fromkeys(int(part) for part in parts))


@click.command("bench")
@click.argument("models", nargs=-1, required=True)
@click.option("--backends", default="all", show_default=True, metavar="NAMES", help="With commas: reference,openvino.")
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="float32, bfloat16, float16; auto: float32 and what is fast here.",
)
@click.option(
    "--batch-size",
    "batch_sizes",
    type=BatchSizes(),
    metavar="COUNTS",
    help="Pictures at a time.  [default: 1,16; training 16]",
)
@image_size_option
@device_option
@click.option("--threads", type=click.IntRange(min=1), help="To compute with; all of the CPU's if not given.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Of timing for each row.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="For compiling a row, and for running it.",
)
@click.option("--train", "is_training", is_flag=True, help="Measure training steps instead.")
@click.option("--compile", "with_compiled", is_flag=True, help="With --train: with torch.compile as well.")
@weights_dir_option
@offline_option
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw a chart: .png, .svg or .pdf."
)
@json_option
def command(
    models: tuple[str, ...],
    backends: str,
    precision: str,
    batch_sizes: tuple[int, ...] | None,
    image_size: tuple[int, int] | None,
    device: str,
    threads: int | None,
    seconds: float,
    time_limit: float,
    is_training: bool,
    with_compiled: bool,
    weights_dir: str | None,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Measure how fast MODELS run here.

    MODELS are names, families, or trained weights.
    Medians after warm-up, with their spread and their share of this machine's limit, a matrix product. Every
    backend's answers are compared with those of plain PyTorch in float32, the row `reference`.

    \b
    cvp bench densenet121 resnet50 --plot speed.png
    cvp bench densenet121-birds --backends openvino --batch-size 1
    cvp bench resnet50 --train
    """
    if with_compiled and not is_training:
        raise click.UsageError("--compile goes with --train; without it `--backends inductor` measures torch.compile")
    if plot is not None:
        _check_chart(plot)

    from cvp_core.bench import backend_names, bench_forward, bench_training, measure_limits
    from cvp_core.machine import (
        PRECISIONS,
        available_cpus,
        computing_threads,
        describe_device,
        pick_device,
        pick_precision,
    )
    from cvp_core.subject import find_subject

    from ..output import print_json

    subjects = [find_subject(name, image_size, weights_dir) for name in models]
    names = backend_names(backends)
    device = pick_device(device)
    pick_precision(precision, device, 0)
    used = (threads or available_cpus()) if device == "cpu" else None
    common: dict[str, Any] = {"device": device, "threads": used, "seconds": seconds, "time_limit": time_limit}
    measured: list[Row] = []
    with _status() as doing:
        kinds = [name for name in PRECISIONS if name != "auto" and (name != "float16" or device != "cpu")]
        with doing("limits of the machine"):
            limits = measure_limits(kinds, device, used)
        for subject in subjects:
            rows: Iterable[Row]
            if is_training:
                sizes = batch_sizes or (16,)
                rows = bench_training(subject, precision, sizes, with_compiled=with_compiled, doing=doing, **common)
            else:
                rows = bench_forward(subject, names, precision, batch_sizes or (1, 16), doing=doing, **common)
            measured.extend(rows)
        with doing("limits of the machine, again"):
            limits = limits.better(measure_limits(kinds, device, used))
    measured = [row.beside(limits.gemm_gflops) for row in measured]
    if as_json:
        print_json([row.to_json() for row in measured])
    with computing_threads(used or 1):
        machine = f"{describe_device(device)}, {_libraries()}"
    if not as_json:
        _print_screen(measured, limits, machine, is_training)
    if plot is not None:
        from cvp_core.bench import plot_rows

        from ..output import say

        title = f"{'Training steps' if is_training else 'Forward pass'}: images/s, median and quartiles"
        plot_rows(measured, title, f"{machine}\n{_limits_line(limits)}", plot)
        say(f"chart  {plot}")
    return 0 if any(row.is_right for row in measured) else 1


def _check_chart(path: Path) -> None:
    """Before minutes of measuring."""
    if path.suffix.lower() not in _CHARTS:
        raise click.UsageError(f"--plot '{path}' must end with {', '.join(_CHARTS[:-1])} or {_CHARTS[-1]}")
    if not path.parent.is_dir():
        raise click.UsageError(f"--plot '{path}': there is no folder {path.parent}")


@contextmanager
def _status() -> Iterator[Callable[[str], AbstractContextManager[Any]]]:
    """What is being measured, on stderr; quiet without a terminal."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    yield lambda what: console.status(what)


def _libraries() -> str:
    """The versions of those that compute."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("torch", "onnxruntime", "openvino", "tensorrt"):
        try:
            found.append(f"{name} {version(name).partition('+')[0]}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _print_screen(rows: list[Row], limits: Limits, machine: str, is_training: bool) -> None:
    from ..output import print_facts, print_table

    print_facts({"machine": machine})
    click.echo()
    numbers = ("BATCH", "IMAGES/S", "p50", "p95", "SPREAD", "OF GEMM")
    last = "LAYOUT" if is_training else "PARITY"
    print_table(("MODEL", "BACKEND", "PRECISION", *numbers, last), map(_cells, rows), right=numbers)
    click.echo()
    print_facts({"limits": _limits_line(limits), "fastest": "" if is_training else "\n".join(_fastest(rows))})


def _cells(row: Row) -> tuple[str, ...]:
    from ..output import format_percent

    names = (row.model, row.backend, row.precision, str(row.batch_size))
    layout = {True: "channels_last", False: "channels first", None: ""}[row.channels_last]
    if row.images_per_s is None or row.latency_ms is None or row.p95_ms is None:
        return (*names, "-", "-", "-", "-", "-", f"{layout} {row.error}".strip())
    return (
        *names,
        f"{row.images_per_s:.1f}",
        f"{row.latency_ms:,.1f} ms",
        f"{row.p95_ms:,.1f} ms",
        format_percent(row.spread or 0.0, 0),
        format_percent(row.share_of_gemm, 0) if row.share_of_gemm is not None else "-",
        layout or _parity(row),
    )


def _parity(row: Row) -> str:
    """The largest difference of a logit as a share of their spread, or what is wrong."""
    if row.parity is None:
        return ""
    return f"WRONG: {row.parity['fault']}" if row.parity["fault"] else f"{row.parity['logits']:.0e}"


def _limits_line(limits: Limits) -> str:
    products = ", ".join(f"{rate:,.0f} GFLOP/s {name}" for name, rate in limits.gemm_gflops.items())
    return f"matrix product {products}; memory copy {limits.copy_gb_s:.1f} GB/s read and written"


def _fastest(rows: list[Row]) -> Iterator[str]:
    """For each model and batch, how the fastest right answer compares with plain PyTorch."""
    for model, batch in dict.fromkeys((row.model, row.batch_size) for row in rows):
        shown = [row for row in rows if (row.model, row.batch_size) == (model, batch) and row.is_right]
        plain = next((row.images_per_s for row in shown if row.backend == "reference"), None)
        best = max(shown, key=lambda row: row.images_per_s or 0.0, default=None)
        if best is not None and plain and best.images_per_s and len(shown) > 1:
            ratio = f"{best.images_per_s / plain:.1f} times the reference"
            yield f"{model}, batch {batch}: {best.backend} {best.precision}, {ratio}"
