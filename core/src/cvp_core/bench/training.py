"""Training steps: forward, loss, backward, SGD; by precision, memory layout, and compiled or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from typing import Any

from ..apart import call_apart
from ..errors import ConfigError, TrainingError
from ..machine import cpu_features
from ..subject import Subject
from .row import Row

__all__ = ["bench_training", "training_precisions"]

COMPILED = {False: "eager", True: "inductor"}
# A training step's products: the output, the gradient of the input and that of the weights (Kaplan et al. 2020,
# arXiv:2001.08361, sec. 2.1); the first layer needs no gradient of its input, which is neglected.
_PRODUCTS = 3


def training_precisions(wanted: str, device: str) -> tuple[str, ...]:
    """float32, bfloat16 or, for "auto", float32 and bfloat16 where it is fast. Raises ConfigError for others."""
    if wanted in ("float32", "bfloat16"):
        return (wanted,)
    if wanted != "auto":
        raise ConfigError(f"training steps are measured in float32 and bfloat16, not in '{wanted}'")
    is_fast = device != "cpu" or bool(cpu_features() & {"amx_bf16", "avx512_bf16"})
    return ("float32", "bfloat16") if is_fast else ("float32",)


def bench_training(
    subject: Subject,
    precision: str,
    batch_sizes: Sequence[int],
    *,
    with_compiled: bool = False,
    device: str = "cpu",
    threads: int | None = None,
    seconds: float = 2.0,
    time_limit: float = 300.0,
    doing: Callable[[str], AbstractContextManager[Any]] = lambda what: nullcontext(),
) -> Iterable[Row]:
    """A row for each batch size, precision, layout (channels first, last) and, where asked, torch.compile.

    time_limit: seconds for each. doing: is entered with a few words around what takes long.
    """
    modes = (False, True) if with_compiled else (False,)
    for batch_size, is_compiled, name, is_last in product(
        batch_sizes, modes, training_precisions(precision, device), (False, True)
    ):
        row = Row(subject.label, COMPILED[is_compiled], name, device, batch_size, channels_last=is_last)
        arguments = {
            "subject": subject.to_json(),
            "precision": name,
            "channels_last": is_last,
            "is_compiled": is_compiled,
            "batch_size": batch_size,
            "device": device,
            "threads": threads,
            "seconds": seconds,
        }
        layout = ", channels_last" if is_last else ""
        with doing(f"{subject.label}: training step, {row.backend} {name}{layout}, batch {batch_size}"):
            target = "cvp_core.bench.training:step_here"
            answer = call_apart(target, arguments, time_limit=time_limit, threads=threads)
        yield row.filled(answer)


def step_here(
    subject: dict[str, Any],
    precision: str,
    channels_last: bool,
    is_compiled: bool,
    batch_size: int,
    device: str,
    threads: int | None,
    seconds: float,
    folder: str,
) -> dict[str, Any]:
    """One measurement in this process. Raises TrainingError if the loss does not stay finite."""
    import time

    import torch
    from torch.nn import functional

    from ..compile.timing import measure
    from ..summary import count_macs
    from ..train.computing import computing

    wanted = Subject.from_json(subject)
    model = wanted.build()
    macs = count_macs(model, wanted.input_size)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = model.train().to(device).to(memory_format=layout)
    network = torch.compile(model) if is_compiled else model
    # A small rate: the pictures are noise, and what is measured must not diverge.
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, fused=True)
    images = torch.randn(batch_size, *wanted.input_size, device=device).to(memory_format=layout)
    labels = torch.randint(model.num_classes(), (batch_size,), device=device)
    kind = device.partition(":")[0]
    loss = torch.zeros(())

    def step() -> None:
        nonlocal loss
        with torch.autocast(kind, torch.bfloat16, enabled=precision == "bfloat16"):
            logits = network(images)
        loss = functional.cross_entropy(logits.float(), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if kind == "cuda":
            torch.cuda.synchronize(device)

    with computing(threads or torch.get_num_threads(), is_compiled):
        began = time.perf_counter()
        step()
        compile_s = time.perf_counter() - began if is_compiled else 0.0
        timing = measure(step, seconds=seconds)
    if not torch.isfinite(loss):
        raise TrainingError(f"the loss became {loss.item()}")
    return {"timing": timing.to_json(), "compile_s": compile_s, "gflop_per_image": _PRODUCTS * 2 * macs / 1e9}
