from __future__ import annotations

import json
from pathlib import Path

import pytest
from shortcuts import stay_here

from cvp_cli.main import main
from cvp_core.bench import Limits

QUICK = ("--seconds", "0.01", "--threads", "1")


@pytest.fixture
def known_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a machine that is measured already; core/bench tests the measuring, and what runs in another process."""
    stay_here(monkeypatch)
    limits = Limits({"float32": 100.0, "bfloat16": 200.0}, 10.0, "cpu", 1)
    monkeypatch.setattr("cvp_core.bench.roofline.measure_limits", lambda *args, **more: limits)


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["bench", *args])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.usefixtures("known_limits")
def test_json_is_a_list_of_rows_and_the_chart_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chart = tmp_path / "speed.png"
    options = ("--backends", "reference", "--batch-size", "1,2", "--image-size", "32", "--plot", str(chart))
    code, out, err = run(capsys, "squeezenet1_1", *options, "--json", *QUICK)
    assert code == 0, err
    rows = json.loads(out)
    assert [(row["model"], row["backend"], row["batch_size"]) for row in rows] == [
        ("squeezenet1_1", "reference", 1),
        ("squeezenet1_1", "reference", 2),
    ]
    for row in rows:
        assert {"precision", "device", "images_per_s", "latency_ms", "parity", "share_of_gemm"} <= set(row)
        assert row["images_per_s"] > 0
        assert row["share_of_gemm"] > 0
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert str(chart) in err


@pytest.mark.usefixtures("known_limits")
def test_screen_names_machine_rows_and_limits(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "linear", "--backends", "reference", "--batch-size", "2", *QUICK)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("machine  cpu (1 thread")
    columns = ["MODEL", "BACKEND", "PRECISION", "BATCH", "IMAGES/S", "p50", "p95", "SPREAD", "OF GEMM", "PARITY"]
    assert lines[2].split() == " ".join(columns).split()
    assert lines[3].split()[:4] == ["linear", "reference", "float32", "2"]
    assert "100 GFLOP/s float32" in lines[5]
    assert "10.0 GB/s" in lines[5]


@pytest.mark.usefixtures("known_limits")
def test_training_steps_have_rows_too(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--train", "--precision", "float32", "--batch-size", "2")
    code, out, err = run(capsys, "linear", *options, "--json", *QUICK)
    assert code == 0, err
    rows = json.loads(out)
    assert [(row["backend"], row["channels_last"]) for row in rows] == [("eager", False), ("eager", True)]
    assert all(row["images_per_s"] > 0 for row in rows)


@pytest.mark.parametrize(
    "args, error",
    [
        (["densnet121"], "Did you mean 'densenet121'"),
        (["linear", "--backends", "openvni"], "Did you mean 'openvino'"),
        (["linear", "--batch-size", "1,x"], "'1,x' is not a count or several, such as 1,16"),
        (["linear", "--precision", "float8"], "precision 'float8' is not one of auto, float32"),
        (["linear", "--precision", "float16"], "float16 needs a GPU"),
        (["linear", "--device", "cuda:7"], "device 'cuda:7' is not on this machine"),
        (["linear", "--compile"], "--compile goes with --train"),
        (["linear", "--plot", "chart.txt"], "must end with .png, .svg or .pdf"),
        (["linear", "--plot", "nowhere/chart.png"], "there is no folder nowhere"),
        (["squeezenet1_1", "--image-size", "8"], "at least 17x17 pixels, given 8x8"),
    ],
)
def test_mistake_is_told_before_anything_is_measured(
    args: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *args)
    assert (code, out) == (2, "")
    assert error in err
