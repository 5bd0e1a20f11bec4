"""Backends that are right, wrong, slow, crash or hang, in a plugin of their own, and a model that they compile."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_plugins import install
from shortcuts import stay_here

import cvp_core
from cvp_core import registry
from cvp_core.compile import Job, Trial, candidates, compile_model
from cvp_core.compile.backends import openvino
from cvp_core.machine import cpu_features
from cvp_core.native import compiler
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
            spec("varied", modes=("first", "second"), tried_modes={"cpu": ("first", "second")},
                 precisions=("float32", "bfloat16")),
            spec("telling"), spec("code", is_code=True), spec("native", is_native=True),
            spec("lacking", requires=("nosuchmodule",))]

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

def varied(model, job, folder, pictures):
    right(model, job, folder, pictures, pause=0.02 if job.precision == "float32" else 0.0)

def wrong(model, job, folder, pictures):
    right(model, job, folder, pictures, factor=-1.0)

def crashing(model, job, folder, pictures):
    import os, signal
    os.kill(os.getpid(), signal.SIGSEGV)

def hanging(model, job, folder, pictures):
    import time
    time.sleep(0 if job.mode == "hasty" else 1000)
    slow(model, job, folder, pictures)

def telling(model, job, folder, pictures):
    import os, socket, time
    with socket.create_connection(("127.0.0.1", int(os.environ["CVP_TEST_PORT"]))) as listener:
        listener.sendall(str(os.getpid()).encode())
    time.sleep(1000)

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


@pytest.fixture(scope="module")
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


def _compile_linear(
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


@pytest.fixture
def compile_linear(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Trial]]:
    """Trials run in this process."""
    stay_here(monkeypatch)
    return _compile_linear


@pytest.fixture
def compiled(home: Path, compile_linear: Callable[..., list[Trial]], tmp_path: Path) -> Callable[..., Path]:
    """A copy of the artifact that a backend makes of the linear model; it is compiled once."""

    def copy(name: str, batch_size: int | None = 2) -> Path:
        kept = home / f"{name}-{batch_size}.cvp"
        if not kept.exists():
            compile_linear(kept, name, batch_size=batch_size)
        return Path(shutil.copytree(kept, tmp_path / "linear.cvp"))

    return copy


@pytest.fixture(scope="session")
def operator() -> Path:
    """Our convolution for OpenVINO, where this machine can have it."""
    pytest.importorskip("openvino")
    if "avx512f" not in cpu_features() or compiler() is None:
        pytest.skip("no AVX-512 or no C++ compiler")
    found = openvino._operator()
    assert found is not None
    return found
