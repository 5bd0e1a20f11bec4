from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from cvp_cli.options import IMAGE_SIZE, QUANTITY
from cvp_cli.output import (
    format_count,
    format_percent,
    format_seconds,
    format_size,
    print_facts,
    print_json,
    print_table,
)


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (61_706, "61.71 k"),
        (999_999, "1.00 M"),
        (7_978_856, "7.98 M"),
        (2_834_161_664, "2.83 G"),
        (7e12, "7.00 T"),
    ],
)
def test_counts_have_two_digits_and_a_unit(number: float, text: str) -> None:
    assert format_count(number) == text


@pytest.mark.parametrize(
    "size, text",
    [(0, "0 B"), (999, "999 B"), (28_400_000, "28.4 MB"), (999_999, "1.0 MB"), (345_600_000, "346 MB")],
)
def test_sizes_are_decimal(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0.0123, "12.3 ms"),
        (19.84, "19.8 s"),
        (59.97, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_percent() -> None:
    assert format_percent(0.9712) == "97.1 %"


def test_table_that_is_piped_is_neither_cut_nor_folded(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 100
    print_table(("A", "N", "TEXT"), [("x" * 150, "1", long), ("y", "12", "z")], right=("N",))
    header, first, second = capsys.readouterr().out.splitlines()
    assert header == "A" + " " * 151 + " N  TEXT"
    assert first == "x" * 150 + "   1  " + long.rstrip()
    assert second == "y" + " " * 151 + "12  z"


def test_control_characters_in_names_cannot_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("CLASS",), [("red\x1b[31m\nnext",)])
    assert capsys.readouterr().out == "CLASS\nred\N{REPLACEMENT CHARACTER}[31m next\n"


def test_wide_characters_keep_the_columns_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("CLASS", "N"), [("鳥", "1"), ("bird", "2")])
    assert capsys.readouterr().out == "CLASS  N\n鳥     1\nbird   2\n"


def test_empty_facts_are_left_out_and_further_lines_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"a": "1\n2", "long": "3", "none": ""})
    assert capsys.readouterr().out == "a     1\n      2\nlong  3\n"


def test_json_has_null_for_what_it_cannot_say(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"loss": float("nan"), "best": float("inf"), "path": Path("a/b"), "shape": (1, 2), "name": "Köln"})
    assert json.loads(capsys.readouterr().out) == {
        "loss": None,
        "best": None,
        "path": "a/b",
        "shape": [1, 2],
        "name": "Köln",
    }


@pytest.mark.parametrize("text, size", [("224", (224, 224)), ("192x256", (192, 256)), ("1 × 2", (1, 2))])
def test_image_sizes_are_a_side_or_height_x_width(text: str, size: tuple[int, int]) -> None:
    assert IMAGE_SIZE.convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "0", "x", "-1", "224x", "1e3", "224.5", "99999999"])
def test_what_is_no_image_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not a size in pixels"):
        IMAGE_SIZE.convert(text, None, None)


@pytest.mark.parametrize("text", ["", "M", "-5", "1..2", "nan", "inf", "1e999", "10 MB"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="not a count"):
        QUANTITY.convert(text, None, None)
