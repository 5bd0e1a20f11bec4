"""What each family lists of published weights: the bridges' words, for networks that are the libraries' own."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
import torchvision

import cvp_core
from cvp_cli.main import main
from cvp_core.blank import without_memory
from cvp_core.foreign.publications import publications
from cvp_core.plugins import discover
from cvp_core.registry import find_model
from cvp_core.summary import on_meta
from cvp_core.weights import convert_state_dict, read_weights
from cvp_core.weights.format import load_strictly

BRIDGES = ("torchvision", "timm")
FAMILIES = {
    plugin.distribution: plugin
    for plugin in discover()
    if any(spec.layouts for spec in plugin.models) and plugin.distribution.removeprefix("cvp-") not in BRIDGES
}
LITE = [f"efficientnet_lite{scale}" for scale in range(3)]


@pytest.mark.parametrize("distribution", FAMILIES)
def test_a_familys_list_is_what_the_bridges_say(distribution: str) -> None:
    path, expected = publications(FAMILIES[distribution])
    assert read_weights(path) == {name: weights for name, weights in expected.items() if weights}
    for spec in FAMILIES[distribution].models:
        of_libraries = [weights for weights in spec.weights if not weights.url.startswith("pypi:")]
        assert of_libraries == list(expected[spec.name])


@pytest.mark.parametrize("distribution", FAMILIES)
def test_layouts_name_networks_with_the_same_parameters_and_keys_that_are_understood(distribution: str) -> None:
    for library in BRIDGES:
        specs = [spec for spec in FAMILIES[distribution].models if library in spec.layouts]
        for spec in specs:
            assert cvp_core.get_spec(f"{library}/{spec.layouts[library]}").parameters == spec.parameters
        for spec in sorted(specs, key=lambda spec: spec.macs)[:1]:  # the logits of more are in the families' own tests
            name = f"{library}/{spec.layouts[library]}"
            theirs = on_meta(find_model(name), 1000, spec.input_size, lambda model: model.state_dict())
            state = {key.removeprefix("net."): tensor for key, tensor in theirs.items()}
            with without_memory():
                load_strictly(
                    cvp_core.create_model(spec.name), convert_state_dict(spec.name, state, library), Path(name)
                )


def test_the_best_weights_of_a_network_that_torchvision_has_are_its_default_ones() -> None:
    specs = [spec for plugin in FAMILIES.values() for spec in plugin.models if "torchvision" in spec.layouts]
    assert len(specs) > 60
    for spec in specs:
        theirs = torchvision.models.get_model_weights(spec.layouts["torchvision"]).DEFAULT
        assert (spec.weights[0].name, spec.weights[0].url) == (theirs.name, theirs.url)


def test_names_of_weights_are_unique_within_a_model_whatever_their_case() -> None:
    for spec in cvp_core.list_models():
        names = [weights.name.lower() for weights in spec.weights]
        assert len(set(names)) == len(names), spec.name


def test_weights_fit_their_model() -> None:
    for spec in cvp_core.list_models():
        for weights in spec.weights:
            assert weights.preprocess.channels == spec.input_size[0]
            assert min(weights.preprocess.size) >= spec.min_size, (spec.name, weights.name)
            assert weights.source in spec.layouts


@pytest.mark.parametrize("name", LITE)
def test_the_file_of_a_pip_package_is_named_by_its_hash_and_brought_by_an_extra(name: str) -> None:
    weights = cvp_core.get_spec(name).weights[0]
    network = name.replace("_", "-")
    assert len(weights.sha256) == 64
    assert weights.url.rpartition("/")[2] == f"{network}-{weights.sha256[:8]}.pth"
    file = Path(__file__).parents[2] / "plugins/efficientnet/pyproject.toml"
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    distribution, extra = weights.extra.removesuffix("]").split("[")
    (requirement,) = project["optional-dependencies"][extra]
    assert distribution == project["name"]
    assert weights.url.startswith(f"pypi:{requirement.partition('==')[0]}/")


@pytest.mark.parametrize("name", LITE)
def test_lite_is_prepared_as_its_authors_evaluate_it(name: str) -> None:
    """tensorflow/tpu, models/official/efficientnet: (pixel - 127) / 128, bicubic, 32 pixels more than the crop."""
    preprocess = cvp_core.get_spec(name).weights[0].preprocess
    assert preprocess.interpolation == "bicubic"
    assert preprocess.resize == preprocess.size[0] + 32
    for mean, std in zip(preprocess.mean, preprocess.std, strict=True):
        assert math.isclose(mean, 127 / 255, abs_tol=0.0025)
        assert math.isclose(std, 128 / 255, abs_tol=0.0025)


def test_the_list_of_models_shows_the_best_weights_and_how_many_more_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list-models", "resnet50"]) == 0
    more = len(cvp_core.get_spec("resnet50").weights) - 1
    assert more > 10
    assert f"imagenet1k_v2 +{more}" in capsys.readouterr().out
