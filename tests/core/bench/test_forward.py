from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_plugins import install
from shortcuts import call_here, stay_here

from cvp_core import registry
from cvp_core.apart import call_apart
from cvp_core.bench import Row, backend_names, bench_forward, bench_training
from cvp_core.bench.plot import plot_rows
from cvp_core.errors import ConfigError, UnknownNameError
from cvp_core.subject import find_subject

# Backends that answer with the plain model, with zeros, not at all, or need what nobody has. One that hangs is tried
# where trials are tested, core/compile/test_auto.py.
PLANTED = """
import os
from cvp_core import BackendSpec, hookimpl
CVP_API = 1

def spec(name, compiler="compile_plain", loader="load_plain", **rest):
    return BackendSpec(name, name, f"{__name__}:{compiler}", loader=f"{__name__}:{loader}", **rest)

@hookimpl
def cvp_backends():
    return [
        spec("plain", modes=("calm", "quick")), spec("zeros", loader="load_zeros"),
        spec("crashes", "crash"), spec("raises", "fail"),
        spec("lacking", requires=("no_such_module",), extra="such-module"),
    ]

def compile_plain(model, job, folder, pictures):
    pass

def load_plain(folder, job):
    import torch
    from cvp_core.weights.format import load_model
    model = load_model(folder.parent / "weights.safetensors")[0]
    def run(images):
        with torch.inference_mode():
            return model(torch.from_numpy(images)).numpy()
    return run

def load_zeros(folder, job):
    plain = load_plain(folder, job)
    return lambda images: plain(images) * 0

def crash(model, job, folder, pictures):
    os.abort()

def fail(model, job, folder, pictures):
    raise ValueError("no such operation")
"""
NAMES = ("crashes", "raises", "lacking", "zeros", "plain", "plain:quick", "reference")


def apart_if_it_crashes(target: str, arguments: Mapping[str, Any], **limits: Any) -> dict[str, Any]:
    return (call_apart if arguments["backend"] == "cvp-planted/crashes" else call_here)(target, arguments, **limits)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Rows by backend, all measured in one run where the planted backends are installed, and what it warned of."""
    site = tmp_path_factory.mktemp("planted") / "site"
    install(site, "cvp-planted", PLANTED)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        stay_here(patch)
        patch.setattr("cvp_core.compile.trial.call_apart", apart_if_it_crashes)
        registry.rediscover()
        before = torch.is_warn_always_enabled()
        torch.set_warn_always(True)  # otherwise once in a process
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rows = list(bench_forward(find_subject("linear"), NAMES, "float32", [2], threads=1, seconds=0.01))
        torch.set_warn_always(before)
        yield {row.backend: row.to_json() for row in rows}, [str(warning.message) for warning in caught]
    sys.modules.pop("cvp_planted", None)
    registry.rediscover()


@pytest.fixture
def rows(measured: tuple[dict[str, Any], list[str]]) -> dict[str, Any]:
    return measured[0]


def test_pictures_are_handed_over_in_memory_that_torch_may_write(measured: tuple[dict[str, Any], list[str]]) -> None:
    assert not [message for message in measured[1] if "writable" in message]


@pytest.mark.parametrize("backend", ["reference", "plain", "plain:quick"])
def test_a_row_has_figures(backend: str, rows: dict[str, Any]) -> None:
    row = rows[backend]
    assert row["error"] == ""
    assert row["images_per_s"] == pytest.approx(2 * 1000 / row["latency_ms"])
    assert row["p95_ms"] >= row["latency_ms"]
    assert row["gflop_per_image"] == pytest.approx(2 * 7_840 / 1e9)  # LeCun et al. 1998: 784 x 10 connections


def test_answers_are_compared_with_plain_pytorch(rows: dict[str, Any]) -> None:
    assert rows["reference"]["parity"] is None
    assert rows["plain"]["parity"]["logits"] < 1e-6
    assert rows["plain"]["parity"]["fault"] == ""
    assert "logits differ" in rows["zeros"]["parity"]["fault"]


@pytest.mark.parametrize(
    "backend, reason",
    [
        ("crashes", "SIGABRT"),
        ("raises", "no such operation"),
        ("lacking", "pip install 'such-module'"),
    ],
)
def test_a_backend_that_fails_is_a_row_with_its_reason(backend: str, reason: str, rows: dict[str, Any]) -> None:
    assert reason in rows[backend]["error"]
    assert rows[backend]["images_per_s"] is None


def test_what_happens_in_the_other_process_stays_there() -> None:
    arguments = {"precisions": [], "device": "cpu", "threads": 1, "seconds": 0.001}
    target = "cvp_core.bench.roofline:limits_here"
    assert call_apart(target, {**arguments, "unknown": 1}, time_limit=60)["error"].startswith("TypeError")
    late = {"error": "gave no answer within 0.01 s", "is_late": True}
    assert call_apart(target, arguments, time_limit=0.01) == late
    assert "cannot load" in call_apart("cvp_core.nothing:here", {}, time_limit=60)["error"]


def test_backends_are_named_or_all_of_them() -> None:
    assert backend_names(" openvino, reference,openvino") == ["openvino", "reference"]
    assert backend_names("all")[0] == "reference"
    assert {"eager", "onnxruntime", "openvino"} <= set(backend_names("all"))
    with pytest.raises(UnknownNameError, match="Did you mean 'openvino'"):
        backend_names("openvni")


def test_training_steps_are_measured_in_both_layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    stay_here(monkeypatch)
    rows = list(bench_training(find_subject("linear"), "bfloat16", [2], threads=1, seconds=0.01))
    assert [(row.backend, row.precision, row.channels_last) for row in rows] == [
        ("eager", "bfloat16", False),
        ("eager", "bfloat16", True),
    ]
    for row in rows:
        assert row.error == ""
        assert row.gflop_per_image == pytest.approx(6 * 7_840 / 1e9)
    with pytest.raises(ConfigError, match="float32 and bfloat16"):
        list(bench_training(find_subject("linear"), "float16", [2]))


def test_chart_is_drawn_with_failed_and_wrong_rows(tmp_path: Path) -> None:
    wrong = {"agreement": 0.1, "probability": 0.9, "logits": 1.0, "pictures": 8, "fault": "its logits differ"}
    rows = [
        Row("one", "reference", "float32", "cpu", 1, images_per_s=10.0, spread=0.1),
        Row("one", "fast", "bfloat16", "cpu", 1, images_per_s=90.0, spread=0.2, parity=wrong),
        Row("two", "fast", "bfloat16", "cpu", 16, error="crashed"),
    ]
    plot_rows(rows, "Forward pass", "a machine", tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
