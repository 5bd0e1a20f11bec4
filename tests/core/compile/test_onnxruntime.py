"""ONNX Runtime's artifacts give eager PyTorch's answers, and need no torch to give them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from shortcuts import export_once

from cvp_core import create_model
from cvp_core.compile import Job, Runner
from cvp_core.compile.backends import onnxruntime as backend
from cvp_core.compile.parity import compare
from cvp_core.compile.plan import Plan
from cvp_core.compile.sample import sample_pictures
from cvp_core.errors import ConfigError
from cvp_core.network import ImageClassifier

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

PICTURES = sample_pictures((3, 64, 64))

LOAD = """
import json, sys
from pathlib import Path
import numpy as np
from cvp_core.compile.backends.onnxruntime import load
from cvp_core.compile.job import Job
folder = Path(sys.argv[1])
run = load(folder, Job.from_json(json.loads((folder / "job.json").read_text())))
np.save(folder / "logits.npy", run(np.load(folder / "images.npy")))
print(json.dumps([name for name in ("torch", "onnx", "onnxscript") if name in sys.modules]))
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


@torch.no_grad()
def eager(model: ImageClassifier, images: np.ndarray) -> np.ndarray:
    return model(torch.from_numpy(images)).numpy()


def test_every_count_works_and_a_fresh_process_predicts_without_torch(
    model: ImageClassifier, images: np.ndarray, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = Job((3, 64, 64), batch_size=None, threads=1)
    backend.compile(model, job, tmp_path, PICTURES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "plan.json"]  # the weights are inside
    assert capfd.readouterr() == ("", "")

    run = backend.load(tmp_path, job)
    for count in (1, 5):
        assert compare(eager(model, images[:count]), run(images[:count])).fault("float32") == ""

    np.save(tmp_path / "images.npy", images)
    (tmp_path / "job.json").write_text(json.dumps(job.to_json()))
    command = [sys.executable, "-c", LOAD, str(tmp_path)]
    imported = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert json.loads(imported) == []
    assert compare(eager(model, images), np.load(tmp_path / "logits.npy")).fault("float32") == ""


def test_a_fixed_batch_is_answered_whatever_the_layout_of_the_array(
    model: ImageClassifier, images: np.ndarray, tmp_path: Path
) -> None:
    job = Job((3, 64, 64), batch_size=2)
    backend.compile(model, job, tmp_path, PICTURES)
    mirrored = images[:2, :, :, ::-1]
    answers = backend.load(tmp_path, job)(mirrored)
    assert compare(eager(model, mirrored.copy()), answers).fault("float32") == ""
    assert answers.dtype == np.float32


def test_every_way_to_split_a_batch_gives_the_same_answers_in_order(
    model: ImageClassifier, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job((3, 64, 64), batch_size=4, threads=2)
    tried: list[Plan] = []

    def note(runners: dict[Plan, Runner], job: Job) -> Plan:
        for run in runners.values():
            assert compare(eager(model, images[:4]), run(images[:4])).fault("float32") == ""
        tried.extend(runners)
        return tried[0]

    monkeypatch.setattr(backend, "fastest", note)
    backend.compile(model, job, tmp_path, PICTURES)
    assert {(plan.piece, plan.streams) for plan in tried} == {(4, 1), (2, 2), (1, 2)}
    assert compare(eager(model, images[:4]), backend.load(tmp_path, job)(images[:4])).fault("float32") == ""


def test_another_precision_is_refused_by_name(model: ImageClassifier, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="float32 on a cpu, not in bfloat16"):
        backend.compile(model, Job((3, 64, 64), precision="bfloat16"), tmp_path, PICTURES)
