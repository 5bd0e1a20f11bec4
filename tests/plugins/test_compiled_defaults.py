"""Every family's default gives eager PyTorch's answers by each backend that is quick to compile."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from shortcuts import export_once
from torch import nn

import cvp_core
from cvp_core.compile import Job
from cvp_core.compile.parity import compare

DEFAULTS = sorted(spec.name for spec in cvp_core.list_models() if spec.default and "/" not in spec.name)

Trained = tuple[cvp_core.ImageClassifier, np.ndarray, np.ndarray]


@pytest.fixture(scope="module", params=DEFAULTS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """The model with norms as training leaves them (fresh branches may add nothing), pictures and their logits.

    It is exported to ONNX once, for the two backends that begin with that.
    """
    torch.manual_seed(0)
    spec = cvp_core.get_spec(request.param)
    side = max(64, spec.min_size)
    images = np.random.default_rng(0).standard_normal((3, spec.input_size[0], side, side), np.float32)
    net = cvp_core.create_model(request.param, num_classes=10, image_size=(side, side)).eval()
    with torch.inference_mode():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.8, 1.2)
                module.weight.uniform_(0.8, 1.2)
        logits = net(torch.from_numpy(images)).numpy()
    with pytest.MonkeyPatch.context() as patch:
        export_once(patch, tmp_path_factory.mktemp("onnx") / "model.onnx")
        yield net, images, logits


def test_there_is_a_default_for_each_family() -> None:
    assert {"densenet121", "resnet50", "dpn92", "mobilenet_v2", "vit_b_16"} <= set(DEFAULTS)
    assert len(DEFAULTS) >= 12


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torchscript"])
def test_passes_parity(trained: Trained, backend: str, tmp_path: Path) -> None:
    net, images, logits = trained
    job = Job(images.shape[1:], batch_size=None, threads=1)
    module = import_module(f"cvp_core.compile.backends.{backend}")
    module.compile(net, job, tmp_path, images)
    parity = compare(logits, module.load(tmp_path, job)(images))
    assert parity.fault("float32") == ""
    assert parity.logits < 1e-4
