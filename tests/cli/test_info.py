from __future__ import annotations

import json

import pytest

from cvp_cli.main import main
from cvp_core import get_spec


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["info", *args])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("name", ["densenet", "densenet121", "cvp-densenet/densenet121", "cvp-densenet/densenet"])
def test_every_way_to_say_it_means_the_same_model(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, name, "--json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["name"], facts["default"]) == ("densenet121", True)
    assert facts["parameters"] == 7_978_856  # torchvision's documentation of densenet121
    assert facts["paper"]["url"] == "https://arxiv.org/abs/1608.06993"
    assert facts["variant"] == {"growth_rate": 32, "layers": [6, 12, 24, 16], "stem_channels": 64}


def test_screen_shows_the_facts_within_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "densenet121")
    assert "parameters  7.98 M (7,978,856)" in out
    assert "layers (6 12 24 16)" in out
    assert "Densely Connected Convolutional Networks" in out
    assert "cvp info densenet121 --layers" in out
    assert max(map(len, out.splitlines())) <= 100


def test_layers_add_up_to_the_declared_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "densenet_40_12", "--layers", "--json")
    facts, spec = json.loads(out), get_spec("densenet_40_12")
    for rows in (facts["stages"], facts["layers"]):
        assert sum(row["parameters"] for row in rows) == spec.parameters
        assert sum(row["macs"] for row in rows) == spec.macs
    assert [row["name"] for row in facts["stages"]] == ["stem", "stages.0", "stages.1", "stages.2", "head"]
    assert facts["layers"][0]["output_shape"] == [16, 32, 32]
    assert facts["layers"][-1]["name"] == "head.classifier"


def test_table_of_layers_ends_with_the_totals(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "densenet_40_12", "--layers")
    assert out.splitlines()[-1].split() == ["total", "1,019,722", "264,812,928"]


def test_counts_follow_classes_channels_and_size(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--num-classes", "4", "--in-channels", "1", "--image-size", "64x96")
    _, out, _ = run(capsys, "densenet_40_12", *options, "--json")
    facts, spec = json.loads(out), get_spec("densenet_40_12")
    assert facts["input_size"] == [1, 64, 96]
    features = 448  # 16 channels of the stem and 3 blocks of 12 layers of k = 12
    assert facts["parameters"] == spec.parameters - 6 * (features + 1) - 2 * 16 * 9
    assert facts["stages"][-1]["output_shape"] == [4]


@pytest.mark.parametrize(
    "args, error",
    [
        (
            ["densnet"],
            "Error: no model or family 'densnet'. Did you mean 'densenet'? `cvp list-models` shows all.\n",
        ),
        (
            ["absentnet_b0"],
            "Error: 'absentnet_b0' is not installed. It comes with: pip install cvp-absent",
        ),
        (["cvp-densenet/densnet121"], "Did you mean 'cvp-densenet/densenet121'"),
        (["densenet", "--image-size", "16"], "needs pictures of at least 29x29 pixels, given 16x16"),
    ],
)
def test_mistake_says_what_to_do(args: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *args)
    assert (code, out) == (2, "")
    assert error in err
