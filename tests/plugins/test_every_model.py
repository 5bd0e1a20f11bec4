"""What the contract promises of every model that is installed, whatever family it is of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cvp_core
from cvp_core import ImageClassifier, ModelSpec
from cvp_core.errors import ConfigError
from cvp_core.summary import blank_model, count_macs, count_parameters
from cvp_core.weights.format import load_model

SPECS = cvp_core.list_models()
every_model = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
MODULES = ("cvp_classic", "cvp_densenet")


def small_size(spec: ModelSpec) -> tuple[int, int, int]:
    """The structure does not depend on the size, so a small picture proves as much as a large one."""
    side = max(spec.min_size, 32)
    return (spec.input_size[0], side, side) if spec.any_size else spec.input_size


def create(spec: ModelSpec, seed: int = 0) -> ImageClassifier:
    torch.manual_seed(seed)
    return cvp_core.create_model(spec.name).eval()


def pictures(spec: ModelSpec, count: int) -> torch.Tensor:
    return torch.randn(count, *small_size(spec), generator=torch.Generator().manual_seed(count))


@every_model
def test_declared_parameters_and_macs_are_those_of_the_built_model(spec: ModelSpec) -> None:
    model = blank_model(cvp_core.registry.find_model(spec.name), spec.num_classes, spec.input_size)
    assert count_parameters(model) == spec.parameters
    assert count_macs(model, spec.input_size) == spec.macs


@every_model
def test_the_spec_names_paper_and_licence(spec: ModelSpec) -> None:
    assert spec.paper.title
    assert spec.licence


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("way", ["script", "fullgraph", "export"])
@every_model
def test_every_compiled_form_equals_eager_at_batch_1_2_and_5(spec: ModelSpec, way: str) -> None:
    eager = create(spec)
    if way == "script":
        compiled = torch.jit.script(eager)
    elif way == "fullgraph":
        torch.compiler.reset()
        compiled = torch.compile(eager, fullgraph=True, backend="eager")
    else:
        shapes = ({0: torch.export.Dim("batch")},)
        compiled = torch.export.export(eager, (pictures(spec, 2),), dynamic_shapes=shapes).module()
    with torch.no_grad():
        for count in (5, 2, 1):
            x = pictures(spec, count)
            if way == "fullgraph" and count > 1:
                torch._dynamo.mark_dynamic(x, 0)  # one graph for 5 and 2; another is traced for 1
            torch.testing.assert_close(compiled(x), eager(x), rtol=1e-5, atol=1e-5)


@every_model
def test_a_seed_fixes_the_initial_weights(spec: ModelSpec) -> None:
    first, again, other = create(spec).state_dict(), create(spec).state_dict(), create(spec, 1).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@every_model
def test_gradients_reach_every_parameter(spec: ModelSpec) -> None:
    model = create(spec).train()
    model(pictures(spec, 2)).square().sum().backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]


@every_model
def test_another_class_count_changes_only_the_classifier(spec: ModelSpec) -> None:
    model = create(spec)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    model.reset_head(3)
    assert model.num_classes() == 3
    assert model(pictures(spec, 2)).shape == (2, 3)
    after = model.state_dict()
    changed = {key for key in after if not torch.equal(after[key], before[key])}
    assert changed == {key for key in after if key.startswith("head.classifier.")}


@every_model
def test_the_smallest_size_works_and_a_smaller_one_is_refused(spec: ModelSpec) -> None:
    smallest = (spec.min_size, spec.min_size)
    model = cvp_core.create_model(spec.name, image_size=smallest).eval()
    with torch.no_grad():
        assert model(torch.randn(2, spec.input_size[0], *smallest)).shape == (2, spec.num_classes)
    with pytest.raises(ConfigError, match=f"at least {spec.min_size}x{spec.min_size}"):
        cvp_core.create_model(spec.name, image_size=(spec.min_size, spec.min_size - 1))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.default], ids=lambda spec: spec.name)
def test_pictures_may_have_any_number_of_channels(spec: ModelSpec, channels: int) -> None:
    model = cvp_core.create_model(spec.name, in_channels=channels).eval()
    size = small_size(spec)[1:]
    with torch.no_grad():
        assert model(torch.randn(1, channels, *size)).shape == (1, spec.num_classes)


@every_model
def test_saved_weights_come_back_to_the_bit(spec: ModelSpec, tmp_path: Path) -> None:
    model = create(spec)
    classes = [f"class {index}" for index in range(spec.num_classes)]
    cvp_core.save(tmp_path / "w.safetensors", model, classes=classes)
    loaded, header = load_model(tmp_path / "w.safetensors")
    assert header.model == spec.name
    assert header.preprocess == spec.preprocess
    state = model.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in loaded.state_dict().items())


@pytest.mark.parametrize("module", MODULES)
def test_listing_a_family_imports_no_torch(module: str) -> None:
    code = f"import sys, {module}, {module}.variants; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
