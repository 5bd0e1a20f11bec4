"""OpenVINO's artifacts give eager PyTorch's answers, however a batch is split, and need no torch to give them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shortcuts import export_once

from cvp_core import create_model
from cvp_core.compile import Job
from cvp_core.compile.backends import openvino as backend
from cvp_core.compile.parity import compare
from cvp_core.compile.plan import Plan, plans
from cvp_core.compile.sample import sample_pictures
from cvp_core.errors import ConfigError
from cvp_core.machine import cpu_features
from cvp_core.network import ImageClassifier

pytest.importorskip("openvino")

PICTURES = sample_pictures((3, 64, 64))

LOAD = """
import json, sys
from pathlib import Path
import numpy as np
from cvp_core.compile.backends.openvino import load
from cvp_core.compile.job import Job
folder = Path(sys.argv[1])
run = load(folder, Job.from_json(json.loads((folder / "job.json").read_text())))
np.save(folder / "logits.npy", run(np.load(folder / "images.npy")))
imported = [name for name in ("torch", "openvino.tools.ovc", "openvino.opset8") if name in sys.modules]
import openvino
from openvino import opset8
there = [callable(openvino.convert_model), callable(opset8.relu), callable(openvino.opset1.relu)]
print(json.dumps([imported, there, hasattr(openvino, "nonsense"), hasattr(openvino, "opset32")]))
"""

SIGNALLED = """
import json, os, signal, sys
from pathlib import Path
from cvp_core.compile import Job
from cvp_core.compile.backends.openvino import load
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append("signal"))
folder = Path(sys.argv[1])
job = Job.from_json(json.loads((folder / "job.json").read_text()))
first, second = load(folder, job), load(folder, job)
del first
del second
os.kill(os.getpid(), signal.SIGINT)
print(seen)
"""


@pytest.fixture(scope="module")
def model() -> ImageClassifier:
    torch.manual_seed(0)
    return create_model("squeezenet1_1", num_classes=10).eval()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((5, 3, 64, 64), np.float32)


@pytest.fixture(autouse=True, scope="module")
def _exported_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        export_once(patch, tmp_path_factory.mktemp("onnx") / "model.onnx")
        yield


def keep(monkeypatch: pytest.MonkeyPatch, plan: Plan, has_winograd: bool) -> None:
    """That way is the fastest."""

    def chosen(ways: Sequence[Any], job: Job) -> Any:
        return next((way for way in ways if (way.plan, way.has_winograd) == (plan, has_winograd)), next(iter(ways)))

    monkeypatch.setattr(backend, "fastest", chosen)


def written(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return found


@torch.no_grad()
def eager(model: ImageClassifier, images: np.ndarray) -> np.ndarray:
    return model(torch.from_numpy(images)).numpy()


def test_every_count_works_and_a_fresh_process_predicts_without_torch(
    model: ImageClassifier, images: np.ndarray, tmp_path: Path
) -> None:
    job = Job((3, 64, 64), batch_size=None, threads=1)
    backend.compile(model, job, tmp_path, PICTURES)
    run = backend.load(tmp_path, job)
    for count in (1, 5):
        assert compare(eager(model, images[:count]), run(images[:count])).fault("float32") == ""

    np.save(tmp_path / "images.npy", images)
    (tmp_path / "job.json").write_text(json.dumps(job.to_json()))
    command = [sys.executable, "-c", LOAD, str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # the converter and the operators were left out, and are there once somebody asks for them
    assert json.loads(printed) == [[], [True, True, True], False, False]
    assert compare(eager(model, images), np.load(tmp_path / "logits.npy")).fault("float32") == ""


def test_a_signal_after_two_networks_are_gone_arrives(model: ImageClassifier, tmp_path: Path) -> None:
    job = Job((3, 64, 64), batch_size=1, threads=1)
    backend.compile(model, job, tmp_path, PICTURES)
    (tmp_path / "job.json").write_text(json.dumps(job.to_json()))
    done = subprocess.run([sys.executable, "-c", SIGNALLED, str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "['signal']\n")


@pytest.mark.parametrize("has_winograd", [False, True])
def test_every_way_to_compute_a_batch_gives_the_same_answers_in_order(
    model: ImageClassifier,
    images: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_winograd: bool,
    request: pytest.FixtureRequest,
) -> None:
    if has_winograd:
        request.getfixturevalue("operator")
    job = Job((3, 64, 64), batch_size=4, threads=2)
    found = plans(job)
    assert {(plan.piece, plan.streams) for plan in found} == {(4, 1), (2, 2), (1, 2)}
    for plan in found:
        keep(monkeypatch, plan, has_winograd)
        backend.compile(model, job, tmp_path, PICTURES)
        assert written(tmp_path)["winograd"] is has_winograd
        answers = backend.load(tmp_path, job)(images[:4])
        assert compare(eager(model, images[:4]), answers).fault("float32") == ""


@pytest.mark.usefixtures("operator")
def test_an_artifact_with_our_convolution_needs_neither_torch_nor_the_compiler_that_made_it(
    model: ImageClassifier, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job((3, 64, 64), batch_size=5, threads=1)
    keep(monkeypatch, plans(job)[-1], True)
    backend.compile(model, job, tmp_path, PICTURES)
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "job.json").write_text(json.dumps(job.to_json()))

    def answers(**settings: str) -> np.ndarray:
        command = [sys.executable, "-c", LOAD, str(tmp_path)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **settings})
        assert json.loads(printed.stdout)[0] == []
        return np.load(tmp_path / "logits.npy")

    ours = answers(PATH="")  # the operator was compiled before
    assert compare(eager(model, images), ours).fault("float32") == ""
    (tmp_path / "model.blob").rename(tmp_path / "away")  # without the operator, OpenVINO's own convolutions
    plain = answers(PATH="", CXX="/no/such/compiler", CVP_CACHE=str(tmp_path / "empty"))
    assert compare(eager(model, images), plain).fault("float32") == ""
    assert not np.array_equal(ours, plain)


def test_a_throughput_job_splits_any_count_over_its_threads(
    model: ImageClassifier, images: np.ndarray, tmp_path: Path
) -> None:
    job = Job((3, 64, 64), batch_size=None, threads=2, hint="throughput")
    backend.compile(model, job, tmp_path, PICTURES)
    run = backend.load(tmp_path, job)
    for count in (1, 5):
        assert compare(eager(model, images[:count]), run(images[:count])).fault("float32") == ""


@pytest.mark.parametrize(("has_winograd", "part"), [(False, 0), (True, 0), (True, -1)])
def test_a_blob_of_another_version_is_not_read(
    model: ImageClassifier,
    images: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_winograd: bool,
    part: int,
    request: pytest.FixtureRequest,
) -> None:
    job = Job((3, 64, 64), batch_size=1)
    if has_winograd:
        operator: Path = request.getfixturevalue("operator")
    keep(monkeypatch, plans(job)[0], has_winograd)
    backend.compile(model, job, tmp_path, PICTURES)
    plan = written(tmp_path)
    if part:
        assert plan["made_for"][part] == operator.name
    plan["made_for"][part] = "2020.1"
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "model.blob").write_bytes(b"what another version wrote")
    answers = backend.load(tmp_path, job)(images[:1])
    assert compare(eager(model, images[:1]), answers).fault("float32") == ""


@pytest.mark.skipif("amx_bf16" not in cpu_features(), reason="this processor has no fast bfloat16")
def test_bfloat16_rounds_but_agrees(model: ImageClassifier, images: np.ndarray, tmp_path: Path) -> None:
    job = Job((3, 64, 64), precision="bfloat16", batch_size=None)
    backend.compile(model, job, tmp_path, PICTURES)
    parity = compare(eager(model, images), backend.load(tmp_path, job)(images))
    assert parity.fault("bfloat16") == ""
    assert parity.logits > 1e-4  # float32 would be nearer: it does compute in bfloat16


def test_int8_rounds_what_it_was_calibrated_for(model: ImageClassifier, images: np.ndarray, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    job = Job((3, 64, 64), precision="int8", batch_size=None)
    backend.compile(model, job, tmp_path, PICTURES)
    # 8 bits: a weight has a quarter of its size, and a network of them is not the float32 one
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert weights < (tmp_path / "model.bin").stat().st_size < 1.2 * weights
    parity = compare(eager(model, images), backend.load(tmp_path, job)(images))
    assert 1e-3 < parity.logits < 0.3


def test_int8_cuts_off_nothing_that_calibration_reaches(model: ImageClassifier, tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    job = Job((3, 64, 64), precision="int8", batch_size=None)
    pictures = PICTURES.copy()
    pictures[0] *= 4
    backend.compile(model, job, tmp_path, pictures)
    parity = compare(eager(model, pictures[:1]), backend.load(tmp_path, job)(pictures[:1]))
    assert parity.logits < 0.1  # 0.45 where ranges are means of those of each picture


@pytest.mark.parametrize("wrong", [{"precision": "float16"}, {"device": "cuda"}])
def test_what_it_cannot_do_is_refused(wrong: dict[str, str], model: ImageClassifier, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="openvino computes in float32, bfloat16, int8 on a cpu"):
        backend.compile(model, Job((3, 64, 64), **wrong), tmp_path, PICTURES)
