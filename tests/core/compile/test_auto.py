"""`auto` keeps the fastest backend that is right, whatever the others do; its artifact is refused where it must be."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_plugins import install
from shortcuts import stay_here

import cvp_core
from cvp_core import registry
from cvp_core.apart import call_apart
from cvp_core.compile import Job, Sample, Trial, candidates, compile_model, open_artifact, read_manifest
from cvp_core.errors import ConfigError, MachineError, NotInstalledError, OutputError, WeightsError
from cvp_core.weights.format import make_header

# Each backend writes the model's own weights as an array and multiplies by them, so that the right ones are right.
PLUGIN = """
from cvp_core import BackendSpec, hookimpl
CVP_API = 1

@hookimpl
def cvp_backends():
    def spec(name, **more):
        return BackendSpec(name, name, f"cvp_fakes:{name}", loader="cvp_fakes:load", **more)
    return [spec("right"), spec("slow"), spec("wrong"), spec("crashing"), spec("failing"),
            spec("hanging", modes=("patient", "hasty"), mode_when_slow="hasty"),
            spec("coarse", precisions=("int8",)), spec("fine", precisions=("int8",)),
            spec("quantising", precisions=("int8",), compile_requires={"int8": ("nosuchmodule", "cvp-such[int8]")}),
            spec("code", is_code=True), spec("native", is_native=True), spec("lacking", requires=("nosuchmodule",))]

def right(model, job, folder, pictures, factor=1.0, pause=0.0):
    import json
    import numpy as np
    weight, bias = (value.detach().numpy() for value in model.parameters())
    np.savez(folder / "linear.npz", weight=weight * factor, bias=bias)
    (folder / "pause.json").write_text(json.dumps(pause))

code = native = lacking = right

def coarse(model, job, folder, pictures):
    right(model, job, folder, pictures, factor=-1.0)

def fine(model, job, folder, pictures):
    assert len(pictures) == 7  # those to calibrate on
    right(model, job, folder, pictures, factor=0.9)

def slow(model, job, folder, pictures):
    right(model, job, folder, pictures, pause=0.02)

def wrong(model, job, folder, pictures):
    right(model, job, folder, pictures, factor=-1.0)

def crashing(model, job, folder, pictures):
    import os, signal
    os.kill(os.getpid(), signal.SIGSEGV)

def hanging(model, job, folder, pictures):
    import time
    time.sleep(0 if job.mode == "hasty" else 1000)
    slow(model, job, folder, pictures)

def failing(model, job, folder, pictures):
    raise RuntimeError("no such operation")

def load(folder, job):
    import json, time
    import numpy as np
    arrays = np.load(folder / "linear.npz")
    weight, bias = arrays["weight"], arrays["bias"]
    pause = json.loads((folder / "pause.json").read_text())
    def run(images):
        assert job.batch_size in (None, len(images))
        time.sleep(pause)
        return images.reshape(len(images), -1) @ weight.T + bias
    return run
"""


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The fake backends are installed, and this user has a folder of their own; there the artifacts are compiled."""
    folder = tmp_path_factory.mktemp("home")
    install(folder / "site", "cvp-fakes", PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        patch.setenv("PYTHONPATH", str(folder / "site"), prepend=os.pathsep)
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        registry.rediscover()
        yield folder
    sys.modules.pop("cvp_fakes", None)
    registry.rediscover()


def compile_linear(
    target: Path,
    *names: str,
    batch_size: int | None = 2,
    precision: str = "float32",
    **more: Any,
) -> list[Trial]:
    """Compiles a fresh linear model by the fastest of these backends."""
    torch.manual_seed(0)
    model = cvp_core.create_model("linear").eval()
    header = make_header(model, [str(index) for index in range(10)])
    job = Job(header.input_size, batch_size=batch_size)
    trying = [candidate for name in names for candidate in candidates(name, precision, job, may_be_lossy=True)[0]]
    return compile_model(model, header, target, trying, seconds=0.05, **more)[1]


@pytest.fixture(autouse=True)
def _trials_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    stay_here(monkeypatch)


@pytest.fixture
def compiled(home: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the artifact that a backend makes of the linear model; it is compiled once."""

    def copy(name: str, batch_size: int | None = 2) -> Path:
        kept = home / f"{name}-{batch_size}.cvp"
        if not kept.exists():
            compile_linear(kept, name, batch_size=batch_size)
        return Path(shutil.copytree(kept, tmp_path / "linear.cvp"))

    return copy


def apart(target: str, arguments: Mapping[str, Any], *, time_limit: float, threads: int | None) -> dict[str, Any]:
    """In a process of its own. Whatever hangs is not waited for as long as the others, which may be slow to start."""
    is_hanging = arguments["backend"] == "cvp-fakes/hanging" and arguments["job"]["mode"] == "patient"
    return call_apart(target, arguments, time_limit=6 if is_hanging else time_limit, threads=threads)


def test_wrong_crashing_hanging_and_failing_backends_are_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvp_core.compile.trial.call_apart", apart)
    trials = compile_linear(tmp_path / "l.cvp", "wrong", "crashing", "failing", "hanging", "slow", "right")
    faults = {trial.candidate.name: trial.fault for trial in trials}
    assert "logits differ" in faults["wrong"]
    assert "SIGSEGV" in faults["crashing"]
    assert "gave no answer within 6 s" in faults["hanging"]
    assert "no such operation" in faults["failing"]
    assert faults["right"] == faults["slow"] == ""
    assert faults["hanging:hasty"] == ""  # its mode for networks that take too long to compile
    assert read_manifest(tmp_path / "l.cvp").backend == "cvp-fakes/right"


def test_int8_is_judged_by_its_accuracy_on_labelled_pictures(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).normal(size=(70, 1, 28, 28)).astype(np.float32)
    torch.manual_seed(0)
    with torch.inference_mode():
        answers = cvp_core.create_model("linear").eval()(torch.from_numpy(pictures)).argmax(1).numpy()
    answers[:7] = (answers[:7] + 1) % 10  # the model is right about 63 of 70
    sample = Sample(pictures, pictures[:7], answers)
    trials = compile_linear(tmp_path / "l.cvp", "coarse", "fine", precision="int8", sample=sample, max_drop=0.5)
    coarse, fine = trials
    assert "points of accuracy on 70 pictures; 0.5 are allowed" in coarse.fault
    assert fine.fault == ""
    assert fine.accuracy is not None
    assert (fine.accuracy.plain, fine.accuracy.top1, fine.accuracy.drop) == (pytest.approx(0.9), pytest.approx(0.9), 0)
    assert read_manifest(tmp_path / "l.cvp").parity["accuracy"]["pictures"] == 70


def test_int8_needs_a_budget_and_auto_leaves_it_out_without_one() -> None:
    job = Job((1, 28, 28))
    with pytest.raises(ConfigError, match="--max-drop"):
        candidates("fine", "int8", job)
    assert "int8" not in {candidate.job.precision for candidate in candidates("auto", "auto", job)[0]}
    found, left_out = candidates("auto", "auto", job, may_be_lossy=True)
    assert "fine int8" in {candidate.label for candidate in found}
    assert "quantising needs nosuchmodule for int8: pip install 'cvp-such[int8]'" in left_out
    with pytest.raises(NotInstalledError, match="nosuchmodule for int8"):
        candidates("quantising", "int8", job, may_be_lossy=True)


def test_a_mode_is_asked_for_by_name() -> None:
    found, _ = candidates("hanging:hasty", "float32", Job((1, 28, 28)))
    assert [candidate.label for candidate in found] == ["hanging:hasty float32"]
    with pytest.raises(ConfigError, match="hanging has no mode 'cross'; it has patient, hasty"):
        candidates("hanging:cross", "float32", Job((1, 28, 28)))
    with pytest.raises(ConfigError, match="it has none"):
        candidates("right:cross", "float32", Job((1, 28, 28)))


def test_nothing_is_written_where_no_backend_is_right(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="wrong float32: its logits differ"):
        compile_linear(tmp_path / "linear.cvp", "wrong")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("batch_size", [2, None])
def test_artifact_answers_any_number_of_pictures(compiled: Callable[..., Path], batch_size: int | None) -> None:
    folder = compiled("right", batch_size)
    run, manifest = open_artifact(folder)
    images = np.random.default_rng(0).normal(size=(5, 1, 28, 28)).astype(np.float32)
    state = cvp_core.load(folder, fallback=True).header
    assert state == manifest.header
    arrays = np.load(folder / "payload" / "linear.npz")
    np.testing.assert_allclose(run(images), images.reshape(5, -1) @ arrays["weight"].T + arrays["bias"], atol=1e-4)


def test_classifier_of_an_artifact_names_what_the_plain_model_names(compiled: Callable[..., Path]) -> None:
    folder = compiled("right")
    pixels = np.random.default_rng(0).integers(0, 255, (3, 28, 28), dtype=np.uint8)
    ours = cvp_core.load(folder).predict(list(pixels), top_k=2)
    plain = cvp_core.load(folder / "weights.safetensors").predict(list(pixels), top_k=2)
    assert [[guess.label for guess in answer.guesses] for answer in ours] == [
        [guess.label for guess in answer.guesses] for answer in plain
    ]


@pytest.mark.parametrize("change", ["tamper", "truncate", "remove"])
def test_a_changed_file_is_refused_by_name_and_the_fallback_runs(compiled: Callable[..., Path], change: str) -> None:
    folder = compiled("right")
    path = folder / "payload" / "linear.npz"
    content = bytearray(path.read_bytes())
    if change == "tamper":
        content[len(content) // 2] ^= 1
    path.unlink()
    if change != "remove":
        path.write_bytes(content[: -10 if change == "truncate" else None])
    with pytest.raises(WeightsError, match=r"payload/linear.npz (was changed|is missing)"):
        cvp_core.load(folder)
    assert cvp_core.load(folder, fallback=True).predict(np.zeros((28, 28), np.uint8))[0].error is None


@pytest.mark.parametrize("name", ["weights.safetensors", "payload/added.bin"])
def test_weights_that_were_changed_and_a_file_that_was_added_are_refused(
    compiled: Callable[..., Path], name: str
) -> None:
    folder = compiled("right")
    with (folder / name).open("ab") as file:
        file.write(b"more")
    with pytest.raises(WeightsError, match=name):
        open_artifact(folder)


def edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"arch": "z80"}, "compiled for z80"),
        ({"needs": ["avx9000"]}, "a CPU with avx9000"),
        ({"format_version": 99}, "artifact format 99"),
        ({"format_version": 1}, "an older cvp-core"),
        ({"files": {"../../outside": "0"}}, "outside of it"),
        ({"job": {}}, "is damaged"),
    ],
)
def test_another_machine_or_format_is_refused_with_its_reason(
    compiled: Callable[..., Path], changes: dict[str, object], reason: str
) -> None:
    folder = compiled("right")
    edit(folder, **changes)
    with pytest.raises(WeightsError, match=reason):
        cvp_core.load(folder)


def test_native_code_needs_the_features_of_the_cpu_that_compiled_it(compiled: Callable[..., Path]) -> None:
    from cvp_core.machine import cpu_features

    assert set(read_manifest(compiled("native")).needs) == cpu_features()


def test_code_of_another_release_of_torch_is_refused(compiled: Callable[..., Path]) -> None:
    folder = compiled("code")
    edit(folder, versions={"torch": "1.0.0"})
    with pytest.raises(WeightsError, match=r"compiled with torch 1.0.0"):
        cvp_core.load(folder, trust=True)


def test_code_that_another_user_wrote_needs_trust(
    compiled: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compiled("code")
    assert open_artifact(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))
    with pytest.raises(WeightsError, match="--trust"):
        open_artifact(folder)
    assert open_artifact(folder, trust=True)


def test_a_missing_library_is_named_with_its_pip_command() -> None:
    with pytest.raises(NotInstalledError, match=r"lacking needs nosuchmodule: pip install"):
        candidates("lacking", "float32", Job((3, 32, 32)))


def test_a_precision_or_device_that_a_backend_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not compute in int8"):
        candidates("right", "int8", Job((3, 32, 32)), may_be_lossy=True)
    with pytest.raises(ConfigError, match="does not run on cuda"):
        candidates("right", "float32", Job((3, 32, 32), device="cuda"))


def test_a_folder_that_is_no_artifact_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "linear.cvp").mkdir()
    (tmp_path / "linear.cvp" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="no artifact of cvp"):
        compile_linear(tmp_path / "linear.cvp", "right")
    assert (tmp_path / "linear.cvp" / "thesis.txt").read_text() == "mine"


def test_an_artifact_is_replaced_as_a_whole(compiled: Callable[..., Path]) -> None:
    folder = compiled("code")
    compile_linear(folder, "right")
    assert read_manifest(folder).backend == "cvp-fakes/right"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "payload", "weights.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == ["linear.cvp"]
