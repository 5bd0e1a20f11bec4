from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest
from fake_plugins import family, install

from cvp_core import ModelSpec, create_model, get_spec, list_models
from cvp_core.errors import (
    AmbiguousNameError,
    ConfigError,
    CvpError,
    NotInstalledError,
    PluginError,
    UnknownNameError,
)
from cvp_core.registry import collisions, find_model, matching, models, natural_key, rediscover


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    install(folder, "cvp-left", family("shared", "left", family="lefts", default="left"))
    install(folder, "cvp-right", family("shared", "lefts", family="rights", default="lefts"))
    failing = family("fails", "wrong", family="failing").replace("def build(", "def unused(")
    install(
        folder,
        "cvp-failing",
        failing + "\ndef build(num_classes, input_size):\n"
        "    if num_classes == 13: raise RuntimeError('thirteen')\n    return 7\n",
    )
    sys.path.insert(0, str(folder))
    invalidate_caches()
    rediscover()
    yield folder
    sys.path.remove(str(folder))
    rediscover()


@pytest.mark.parametrize("name", ["densenet121", "densenet", "cvp-densenet/densenet121", "cvp-densenet/densenet"])
def test_name_family_and_qualified_names_mean_one_spec(name: str) -> None:
    assert get_spec(name).name == "densenet121"


def test_ambiguous_name_names_both_and_qualified_names_work() -> None:
    with pytest.raises(AmbiguousNameError, match="claimed by cvp-left and cvp-right; write 'cvp-left/shared' or"):
        find_model("shared")
    assert find_model("cvp-left/shared").plugin.distribution == "cvp-left"
    assert find_model("cvp-right/shared").plugin.distribution == "cvp-right"


def test_family_of_one_plugin_and_model_of_another_are_ambiguous_too() -> None:
    with pytest.raises(AmbiguousNameError, match="'lefts' is claimed by cvp-right and cvp-left"):
        find_model("lefts")
    assert find_model("cvp-left/lefts").spec.name == "left"
    assert find_model("cvp-right/lefts").spec.name == "lefts"


def test_collisions_lists_all_of_them() -> None:
    assert [(name, owners) for _, name, owners in collisions()] == [
        ("shared", ["cvp-left", "cvp-right"]),
        ("lefts", ["cvp-left", "cvp-right"]),
    ]


@pytest.mark.parametrize(
    "name, error, text",
    [
        ("densnet", UnknownNameError, "no model or family 'densnet'. Did you mean 'densenet'?"),
        ("densnet121", UnknownNameError, "Did you mean 'densenet121'?"),
        ("DENSENET121", UnknownNameError, "Did you mean 'densenet121'"),
        ("eficientnet", UnknownNameError, "Did you mean 'efficientnet'"),
        ("cvp-densenet/nothing", UnknownNameError, "no model or family 'cvp-densenet/nothing'"),
        ("zzz", UnknownNameError, "no model or family 'zzz'. `cvp list-models` shows all."),
        ("", UnknownNameError, "no model or family ''"),
        (
            "absentnet",
            NotInstalledError,
            "'absentnet' is not installed. It comes with: pip install cvp-absent",
        ),
        ("absent/dpn92", NotInstalledError, "pip install cvp-absent"),
        ("cvp-absent/one", NotInstalledError, "pip install cvp-absent"),
    ],
)
def test_unknown_name_says_what_to_do(name: str, error: type[CvpError], text: str) -> None:
    with pytest.raises(error) as caught:
        get_spec(name)
    assert text in str(caught.value)


def test_listing_sorts_numbers_as_numbers() -> None:
    assert sorted(["d1000", "d20", "c9", "d3"], key=natural_key) == ["c9", "d3", "d20", "d1000"]


def test_listing_takes_patterns_families_and_qualified_names() -> None:
    assert [spec.name for spec in list_models("densenet1*")] == ["densenet121", "densenet161", "densenet169"]
    assert list_models("densenet") == list_models(family="densenet") == list_models("cvp-densenet/*")
    assert list_models("nothing*") == []
    assert [claim.plugin.distribution for claim in matching("shared")] == ["cvp-left", "cvp-right"]


def test_label_is_what_finds_the_claim_again() -> None:
    catalogue = models()
    for claim in catalogue:
        label = catalogue.label(claim.spec.name, claim)
        assert catalogue.find(label) is claim


def test_builder_that_fails_is_the_plugins_fault() -> None:
    with pytest.raises(PluginError, match=r"cvp-failing 2\.1: building fails failed: RuntimeError: thirteen"):
        create_model("fails", num_classes=13)
    with pytest.raises(PluginError, match="returned int, expected ImageClassifier"):
        create_model("wrong")


@pytest.mark.parametrize("options", [{"num_classes": 0}, {"in_channels": 0}, {"image_size": (16, 16)}])
def test_sizes_that_a_model_cannot_take_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        create_model("densenet121", **options)


@pytest.mark.parametrize("spec", list_models("densenet_*_12"), ids=lambda spec: spec.name)
def test_declared_numbers_are_the_counted_ones(spec: ModelSpec) -> None:
    from cvp_core.summary import blank_model, count_macs, count_parameters, layer_table

    model = blank_model(find_model(spec.name), spec.num_classes, spec.input_size)
    assert count_parameters(model) == spec.parameters
    assert count_macs(model, spec.input_size) == spec.macs
    if spec.name == "densenet_40_12":
        layers = layer_table(model, spec.input_size)
        assert sum(layer.parameters for layer in layers) == spec.parameters
        assert sum(layer.macs for layer in layers) == spec.macs
    assert model.training
