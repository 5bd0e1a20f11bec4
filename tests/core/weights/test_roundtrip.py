"""Every family's default model, from each library that has it and back: same logits, then the same bits."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import cvp_core
from cvp_core import registry
from cvp_core.blank import without_memory
from cvp_core.summary import on_meta
from cvp_core.weights.convert import convert_for
from cvp_core.weights.exporting import _inverted, export_weights
from cvp_core.weights.importing import import_weights

SMALL = 9_000_000  # parameters up to which a default model is really called
CLASSES = 5
LIBRARIES = ("torchvision", "timm")
NATIVE = [claim for claim in registry.models() if "/" not in claim.spec.name]
PAIRS = [
    (claim.spec.name, library)
    for claim in NATIVE
    for library in LIBRARIES
    if library in claim.spec.layouts and (claim.spec.default or claim.spec.parameters < SMALL)
]
CALLED = [pair for pair in PAIRS if (spec := cvp_core.get_spec(pair[0])).default and spec.parameters < SMALL]


def theirs_of(name: str, library: str) -> nn.Module:
    """The library's own network, not through the bridge."""
    twin = cvp_core.get_spec(name).layouts[library]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if library == "timm":
            import timm

            return timm.create_model(twin, num_classes=CLASSES)
        import torchvision

        options = {"aux_logits": False} if twin in ("googlenet", "inception_v3") else {}
        return torchvision.models.get_model(twin, weights=None, num_classes=CLASSES, **options)


def blank_of(name: str, library: str) -> dict[str, Tensor]:
    """Its state dict without memory. Torchvision's RegNets read values while they are built."""
    try:
        with without_memory():
            return theirs_of(name, library).state_dict()
    except NotImplementedError:
        return {key: tensor.to("meta") for key, tensor in theirs_of(name, library).state_dict().items()}


def lively(net: nn.Module) -> nn.Module:
    """Statistics of batch norms that matter, and counters that are no zeros."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.num_batches_tracked.fill_(7)
    return net.eval()


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[key].dtype == other[key].dtype and torch.equal(one[key], other[key]) for key in one
    )


@pytest.mark.parametrize("name, library", CALLED)
@torch.no_grad()
def test_a_checkpoint_answers_the_same_here_and_goes_back_equal(name: str, library: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = lively(theirs_of(name, library))
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    found = import_weights(tmp_path / "theirs.pth", name, name="pickled")
    again = import_weights(tmp_path / "theirs.safetensors", name, name="safe")
    assert equal(load_file(found.path), load_file(again.path))
    spec = cvp_core.get_spec(name)
    side = max(64, spec.min_size) if spec.any_size else spec.input_size[1]
    images = torch.randn(2, 3, side, side)
    ours = cvp_core.create_model(name, weights=found.path).eval()
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
    assert equal(load_file(export_weights(found.path, library, tmp_path / "x.safetensors").path), theirs.state_dict())


@pytest.mark.parametrize("name, library", [pair for pair in PAIRS if pair not in CALLED])
def test_keys_of_a_large_network_come_back(name: str, library: str) -> None:
    """Without memory: what is renamed or reshaped shows without values."""
    claim = registry.find_model(name)
    theirs = blank_of(name, library)
    ours = on_meta(claim, CLASSES, claim.spec.input_size, lambda model: model).state_dict()
    assert shapes(convert_for(claim, theirs, library)) == shapes(ours)
    assert shapes(_inverted(claim, theirs, ours, library)) == shapes(theirs)


def shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in state.items()}
