"""The backends of PyTorch give the logits of the plain network, after a round trip over the disk."""

from __future__ import annotations

import shutil
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from cvp_core import create_model, save
from cvp_core.compile.job import Job
from cvp_core.compile.parity import compare
from cvp_core.compile.torch_runner import ready
from cvp_core.errors import ConfigError
from cvp_core.network import ImageClassifier

SIZE = (3, 32, 32)
IMAGES = np.random.default_rng(0).standard_normal((3, *SIZE), dtype=np.float32)

needs_compiler = pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="no C++ compiler")


@pytest.fixture(scope="module")
def net() -> ImageClassifier:
    torch.manual_seed(0)
    return create_model("squeezenet1_1", num_classes=10).eval()


def answers(net: ImageClassifier, backend: str, job: Job, folder: Path, images: np.ndarray = IMAGES) -> np.ndarray:
    module = import_module(f"cvp_core.compile.backends.{backend}")
    save(folder / "weights.safetensors", net, classes=[str(index) for index in range(net.num_classes())])
    (folder / backend).mkdir()
    module.compile(net, job, folder / backend, IMAGES)
    return module.load(folder / backend, job)(images)


def assert_parity(net: ImageClassifier, logits: np.ndarray, precision: str, images: np.ndarray = IMAGES) -> None:
    with torch.inference_mode():
        reference = net(torch.from_numpy(images)).numpy()
    assert logits.dtype == np.float32
    assert compare(reference, logits).fault(precision) == ""


@pytest.mark.parametrize("backend", ["eager", "torchscript"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch", [3, None])
def test_answers_equal_the_networks(
    net: ImageClassifier, tmp_path: Path, backend: str, precision: str, batch: int | None
) -> None:
    job = Job(SIZE, precision=precision, batch_size=batch)
    assert_parity(net, answers(net, backend, job, tmp_path), precision)


def test_eager_writes_a_dense_network_into_buffers(tmp_path: Path) -> None:
    net = create_model("densenet_40_12", num_classes=10).eval()
    assert_parity(net, answers(net, "eager", Job(SIZE, batch_size=None), tmp_path), "float32")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_torchscript_without_a_batch_takes_every_count(net: ImageClassifier, tmp_path: Path, count: int) -> None:
    images = np.random.default_rng(count).standard_normal((count, *SIZE), dtype=np.float32)
    logits = answers(net, "torchscript", Job(SIZE, batch_size=None), tmp_path, images)
    assert_parity(net, logits, "float32", images)


def test_nothing_is_warned_of(net: ImageClassifier, tmp_path: Path) -> None:
    images = IMAGES.copy()
    images.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers(net, "torchscript", Job(SIZE, batch_size=3), tmp_path, images)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("backend", ["inductor", "aoti"])
def test_compiled_answers_equal_the_networks(net: ImageClassifier, tmp_path: Path, backend: str) -> None:
    assert_parity(net, answers(net, backend, Job(SIZE, batch_size=3), tmp_path), "float32")


@pytest.mark.slow
@needs_compiler
def test_inductor_compiles_block_by_block(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = create_model("resnet18", num_classes=10).eval()
    assert_parity(net, answers(net, "inductor", Job(SIZE, batch_size=3, mode="regional"), tmp_path), "float32")


@pytest.mark.parametrize("mode, lacks", [("padded", "no groups of convolutions"), ("two-paths", "no dual paths")])
def test_a_rewriting_that_changes_nothing_is_left_out(
    net: ImageClassifier, tmp_path: Path, mode: str, lacks: str
) -> None:
    with pytest.raises(ConfigError, match=lacks):
        answers(net, "inductor", Job(SIZE, mode=f"max-autotune-{mode}"), tmp_path)


def test_cuda_graphs_need_a_gpu(net: ImageClassifier, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for GPUs"):
        answers(net, "inductor", Job(SIZE, mode="reduce-overhead"), tmp_path)


def test_network_is_left_as_it_was(net: ImageClassifier) -> None:
    before = {key: value.clone() for key, value in net.state_dict().items()}
    ready(net, Job(SIZE, precision="bfloat16"))
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_unknown_precision_and_absent_device_are_mistakes(net: ImageClassifier) -> None:
    with pytest.raises(ConfigError, match="float32, bfloat16, float16"):
        ready(net, Job(SIZE, precision="int8"))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no GPU"):
            ready(net, Job(SIZE, device="cuda"))
