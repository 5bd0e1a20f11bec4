from __future__ import annotations

import json

import pytest

from cvp_cli.main import main
from cvp_core import list_models


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["list-models", *args])
    out, err = capsys.readouterr()
    return code, out, err


def test_table_shows_each_model_with_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "densenet*")
    header, first, *_, last = out.splitlines()
    assert code == 0
    assert header.split() == ["MODEL", "FAMILY", "PARAMETERS", "MACs", "INPUT", "WEIGHTS", "FROM"]
    assert first.split("  ")[0] == "densenet121 *"
    assert "7.98 M" in first
    assert "2.83 G" in first
    assert "3x224x224" in first
    assert first.endswith("cvp-densenet 0.1.0")
    assert last == "10 models in 1 family (* the family's default: `densenet` means densenet121)"
    assert max(map(len, out.splitlines())) <= 100


def test_json_has_every_model_with_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--json")
    models = json.loads(out)
    assert code == 0
    assert [model["name"] for model in models] == [spec.name for spec in list_models()]
    keys = ["name", "family", "parameters", "macs", "input_size", "weights", "distribution"]
    assert all(list(model) == keys for model in models)


def test_family_name_stands_for_all_its_models(capsys: pytest.CaptureFixture[str]) -> None:
    _, by_pattern, _ = run(capsys, "densenet", "--json")
    _, by_option, _ = run(capsys, "--family", "densenet", "--json")
    assert by_pattern == by_option
    assert len(json.loads(by_option)) == 10


@pytest.mark.parametrize("option, key", [("params", "parameters"), ("macs", "macs")])
def test_sorting_by_a_number_puts_the_smallest_first(option: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    values = [model[key] for model in json.loads(run(capsys, "--sort", option, "--json")[1])]
    assert values == sorted(values)


@pytest.mark.parametrize("limit", ["7978856", "7.978856M", "7978.856k", "7978856e0"])
def test_max_params_keeps_what_is_at_most_that(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "densenet???", "--max-params", limit, "--json")
    assert [model["name"] for model in json.loads(out)] == ["densenet121"]


@pytest.mark.parametrize(
    "args, error",
    [
        (["densnet"], "Error: no models match 'densnet'. Did you mean 'densenet'?"),
        (["--family", "densnet"], "Error: no family 'densnet'. Did you mean 'densenet'?"),
        (
            ["densenet*", "--max-params", "1"],
            "Error: no models match 'densenet*' and have at most 1 parameters.",
        ),
        (["[", "--family", "densenet"], "Error: no models match '[' and are of the family densenet."),
    ],
)
def test_no_match_is_a_mistake_on_screen(args: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *args)
    assert (code, out) == (2, "")
    assert err.startswith(error)


def test_no_match_is_an_empty_list_for_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "nothing-like-it", "--json") == (0, "[]\n", "")


def test_qualified_names_and_capitals_match_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(json.loads(run(capsys, "cvp-densenet/*", "--json")[1])) == 10
    assert len(json.loads(run(capsys, "DenseNet121", "--json")[1])) == 1
