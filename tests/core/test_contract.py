"""What plugins and scripts rely on: a change here breaks somebody's package, or raises CVP_API."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields

import pytest

import cvp_core
from cvp_core import foreign, hookspecs, spec


def test_public_names_of_cvp_core() -> None:
    assert sorted(cvp_core.__all__) == [
        "BackendSpec",
        "CVP_API",
        "Classifier",
        "CvpError",
        "DatasetSpec",
        "ImageClassifier",
        "ModelSpec",
        "Paper",
        "Preprocess",
        "RecipeSpec",
        "WeightsSpec",
        "convert_state_dict",
        "create_model",
        "get_spec",
        "hookimpl",
        "list_models",
        "load",
        "save",
    ]
    assert all(hasattr(cvp_core, name) for name in cvp_core.__all__)


def test_public_names_for_bridges() -> None:
    assert sorted(foreign.__all__) == [
        "ForeignClassifier",
        "Row",
        "Surveyed",
        "convert",
        "read_index",
        "read_rows",
        "renewed",
        "survey",
        "write_index",
    ]
    assert all(hasattr(foreign, name) for name in foreign.__all__)


def test_api_version_and_entry_point_group() -> None:
    assert (cvp_core.CVP_API, hookspecs.ENTRY_POINT_GROUP) == (1, "cvp")


def test_hooks_take_nothing_and_return_these() -> None:
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("cvp_")}
    assert {name: str(inspect.signature(hook)) for name, hook in hooks.items()} == {
        "cvp_models": "() -> 'Iterable[ModelSpec]'",
        "cvp_datasets": "() -> 'Iterable[DatasetSpec]'",
        "cvp_backends": "() -> 'Iterable[BackendSpec]'",
        "cvp_recipes": "() -> 'Iterable[RecipeSpec]'",
        "cvp_commands": "() -> 'Iterable[click.Command]'",
        "cvp_callbacks": "() -> 'Iterable[Callback]'",
    }


def test_contract_fits_on_two_screens() -> None:
    assert len(inspect.getsource(hookspecs).splitlines()) < 80


@pytest.mark.parametrize(
    "kind, required, optional",
    [
        (
            spec.ModelSpec,
            "name family builder",
            "input_size variant parameters macs paper licence num_classes preprocess min_size any_size "
            "default converter weights layouts",
        ),
        (spec.Paper, "title", "arxiv authors year"),
        (spec.Preprocess, "", "size resize interpolation mean std"),
        (spec.WeightsSpec, "name url", "sha256 source licence classes top1 top5 preprocess labels extra"),
        (
            spec.DatasetSpec,
            "name summary opener",
            "classes image_size counts recipe licence url synthetic num_classes",
        ),
        (spec.Parts, "stem stages head classifiers features", "is_channels_last"),
        (spec.BackendSpec, "name summary compiler", "requires loader precisions devices extra is_code is_native"),
        (spec.RecipeSpec, "name summary settings", "source"),
    ],
)
def test_specs_keep_their_fields_and_their_order(kind: type, required: str, optional: str) -> None:
    has_default = {f.name: f.default is not MISSING or f.default_factory is not MISSING for f in fields(kind)}  # type: ignore[arg-type]
    names = list(has_default)
    # New fields may be added at the end, with a default.
    assert names[: len((required + " " + optional).split())] == (required + " " + optional).split()
    assert [name for name in names if not has_default[name]] == required.split()


def test_create_model_takes_these() -> None:
    parameters = inspect.signature(cvp_core.create_model).parameters
    assert list(parameters) == ["name", "num_classes", "in_channels", "image_size", "weights"]
    assert {parameter.kind for name, parameter in parameters.items() if name != "name"} == {
        inspect.Parameter.KEYWORD_ONLY
    }


def test_listing_functions_take_these() -> None:
    assert list(inspect.signature(cvp_core.list_models).parameters) == ["pattern", "family"]
    assert list(inspect.signature(cvp_core.get_spec).parameters) == ["name"]
