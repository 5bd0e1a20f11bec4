"""Whatever is wrong with a plugin, every command works, and the fault is explained where people look."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from fake_plugins import cvp, family, install

HEAD = "from cvp_core import ModelSpec, hookimpl\nCVP_API = 1\n"


def hook(name: str, body: str) -> str:
    return f"{HEAD}\n@hookimpl\ndef {name}():\n    {body}\n"


# distribution: (source, what `cvp plugins list` says about it)
BROKEN = {
    "cvp-absent": ("import einops_of_nowhere", "ModuleNotFoundError: No module named 'einops_of_nowhere'"),
    "cvp-exiting": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "cvp-syntax": ("def broken(:\n", "SyntaxError"),
    "cvp-number": (
        hook("cvp_models", "return 7"),
        "cvp_models failed: TypeError: returned 7, expected a list",
    ),
    "cvp-strings": (
        hook("cvp_models", "return ['a']"),
        "cvp_models returned 'a', expected ModelSpec objects",
    ),
    "cvp-stopping": (
        hook("cvp_models", "yield ModelSpec('x', 'y', 'a:b')\n    raise OSError('disk on fire')"),
        "cvp_models failed: OSError: disk on fire",
    ),
    "cvp-badname": (
        hook("cvp_models", "return [ModelSpec('Bad Name', 'x', 'a:b')]"),
        "model name 'Bad Name'",
    ),
    "cvp-badsize": (
        hook("cvp_models", "return [ModelSpec('a', 'x', 'a:b', input_size=(3, 9, 9))]"),
        "preprocess makes 3 channels of (224, 224)",
    ),
    "cvp-badtype": (
        hook("cvp_models", "return [ModelSpec('a', 'x', 'a:b', parameters=7.9)]"),
        "a: parameters, macs, num_classes, min_size and input_size must be integers",
    ),
    "cvp-badweights": (
        hook("cvp_models", "return [ModelSpec('a', 'x', 'a:b', weights=('imagenet',))]"),
        "a: weights must be WeightsSpec objects",
    ),
    "cvp-badpaper": (
        hook("cvp_models", "return [ModelSpec('a', 'x', 'a:b', paper='1608.06993')]"),
        "a: '1608.06993' given, expected Paper",
    ),
    "cvp-repeating": (
        hook("cvp_models", "return [ModelSpec('a', 'x', 'a:b')] * 2"),
        "declares the model 'a' twice",
    ),
    "cvp-future": (HEAD.replace("= 1", "= 2"), "declares CVP_API = 2, this cvp-core speaks 1"),
    "cvp-apiless": ("x = 1", "declares CVP_API = None"),
    "cvp-misspelt": (
        hook("cvp_modles", "return []"),
        "implements the unknown hook 'cvp_modles'; did you mean 'cvp_models'?",
    ),
    "cvp-unmarked": (f"{HEAD}\ndef cvp_models(): return []\n", "'cvp_models' is not marked @hookimpl"),
    "cvp-arguments": (f"{HEAD}\n@hookimpl\ndef cvp_models(what): return []\n", "PluginValidationError"),
    "cvp-datagarbage": (hook("cvp_datasets", "return None"), "cvp_datasets failed: TypeError: returned None"),
}
AMBIGUOUS = {
    "cvp-one": family("twin", "only_one", family="twins", default="twin"),
    "cvp-two": family("twin", "only_two", family="twins", default="only_two"),
}
HEALTHY = {"cvp-loud": "print('LOUD')\n" + family("loud_a", family="loud", default="loud_a")}


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for distribution, (source, _) in BROKEN.items():
        install(folder, distribution, source)
    for distribution, source in (AMBIGUOUS | HEALTHY).items():
        install(folder, distribution, source)
    install(folder, "cvp-entryless", "", entry="not a module!")
    damaged = folder / "cvp_damaged-1.0.dist-info"
    damaged.mkdir()
    (damaged / "METADATA").write_text("Metadata-Version: 2.1\nName: cvp-damaged\nVersion: 1.0\n")
    (damaged / "entry_points.txt").write_text("[cvp]\nthis line has no equals sign\n")
    return folder


@pytest.fixture(scope="module")
def listed(troubled: Path) -> dict[str, dict[str, Any]]:
    """`cvp plugins list --json` by distribution."""
    done = cvp("plugins", "list", "--json", path=troubled)
    assert done.returncode == 0, done.stderr
    return {entry["distribution"]: entry for entry in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def listing(troubled: Path) -> CompletedProcess[str]:
    return cvp("list-models", "--json", path=troubled)


@pytest.mark.parametrize("distribution", BROKEN)
def test_plugins_list_says_what_is_wrong_with(distribution: str, listed: dict[str, Any]) -> None:
    entry = listed[distribution]
    assert entry["state"] == "broken"
    assert BROKEN[distribution][1] in entry["error"]
    assert entry["models"] == 0
    assert "\n" not in entry["error"]


def test_plugins_list_explains_damaged_metadata(listed: dict[str, Any]) -> None:
    assert "its entry_points.txt is damaged" in listed["cvp-damaged"]["error"]
    assert "'cvp_entryless = not a module!' does not name a module" in listed["cvp-entryless"]["error"]


def test_plugins_list_names_the_owners_of_an_ambiguous_name(listed: dict[str, Any]) -> None:
    for distribution in AMBIGUOUS:
        assert listed[distribution]["state"] == "ambiguous"
        error = listed[distribution]["error"]
        assert f"'twin' is claimed by cvp-one and cvp-two; `{distribution}/twin` means this one" in error
        assert "family 'twins' is claimed by cvp-one and cvp-two" in error


def test_healthy_plugins_stay_healthy_beside_broken_ones(listed: dict[str, Any]) -> None:
    assert {listed[name]["state"] for name in ("cvp-core", "cvp-densenet", "cvp-loud")} == {"ok"}
    assert set(listed["cvp-loud"]) == {"distribution", "version", "module", "models", "state", "error"}


def test_the_table_points_to_doctor_for_the_traceback(troubled: Path) -> None:
    lines = cvp("plugins", "list", path=troubled).stdout.splitlines()
    assert lines[0].split() == ["PLUGIN", "VERSION", "MODELS", "STATE"]
    absent = next(line for line in lines if line.startswith("cvp-absent"))
    assert absent.split()[:4] == ["cvp-absent", "2.1", "-", "broken:"]
    assert absent.endswith("(cvp doctor cvp-absent shows the traceback)")


def test_what_a_plugin_prints_on_import_stays_out_of_the_json(listing: CompletedProcess[str]) -> None:
    assert listing.returncode == 0
    assert "loud_a" in {model["name"] for model in json.loads(listing.stdout)}
    assert "LOUD" in listing.stderr


def test_ambiguous_models_are_listed_by_their_qualified_names(listing: CompletedProcess[str]) -> None:
    names = {model["name"] for model in json.loads(listing.stdout)}
    assert {"cvp-one/twin", "cvp-two/twin", "only_one", "only_two"} <= names
    assert "twin" not in names


def test_each_broken_plugin_is_one_line_on_stderr(listing: CompletedProcess[str]) -> None:
    lines = [line for line in listing.stderr.splitlines() if line.startswith("cvp: ")]
    assert len(lines) == len(BROKEN) + 2
    assert (
        "cvp: cvp-absent 2.1 is left out: ModuleNotFoundError: No module named 'einops_of_nowhere' "
        "(cvp plugins list)" in lines
    )


@pytest.mark.parametrize(
    "args",
    [("--help",), ("list-models", "dense*"), ("info", "densenet"), ("info", "cvp-one/twin")],
    ids=" ".join,
)
def test_command_works_beside_broken_plugins(args: tuple[str, ...], troubled: Path) -> None:
    done = cvp(*args, path=troubled)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_version_says_nothing_about_plugins(troubled: Path) -> None:
    done = cvp("--version", path=troubled)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["cvp-absent/anything", "absent50", "absent"])
def test_asking_for_a_model_of_a_broken_plugin_gives_its_own_error(name: str, troubled: Path) -> None:
    done = cvp("info", name, path=troubled)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"Error: '{name}' comes with cvp-absent 2.1, which is broken: ModuleNotFoundError: "
        "No module named 'einops_of_nowhere' (`cvp doctor cvp-absent` shows the traceback)"
    )


def test_unknown_name_mentions_the_broken_plugins_that_may_bring_it(troubled: Path) -> None:
    done = cvp("info", "sunflower", path=troubled)
    assert done.returncode == 2
    assert "no model or family 'sunflower'" in done.stderr
    assert "Plugins that are broken may bring it: cvp-absent 2.1: " in done.stderr


@pytest.mark.parametrize("name, choice", [("twin", "'cvp-one/twin' or 'cvp-two/twin'"), ("twins", "'cvp-one/twins'")])
def test_ambiguous_name_is_an_error_that_says_what_to_write(name: str, choice: str, troubled: Path) -> None:
    done = cvp("info", name, path=troubled)
    assert done.returncode == 2
    assert f"'{name}' is claimed by cvp-one and cvp-two; write {choice}" in done.stderr


def test_doctor_prints_the_traceback_of_one_plugin(troubled: Path) -> None:
    done = cvp("doctor", "cvp-absent", path=troubled)
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stdout
    assert "cvp_absent.py" in done.stdout


@pytest.mark.parametrize("args", [("list-models",), ("plugins", "list"), ("info", "densenet"), ("--help",)])
def test_strict_fails_and_names_every_fault(args: tuple[str, ...], troubled: Path) -> None:
    done = cvp(*args, path=troubled, CVP_STRICT="1")
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: CVP_STRICT is set")
    for distribution in BROKEN:
        assert f"{distribution} 2.1 is broken" in last
    assert "'twin' is claimed by cvp-one and cvp-two" in last
    assert "'twins' is claimed by cvp-one and cvp-two" in last


def test_strict_fails_for_a_name_that_is_merely_ambiguous(tmp_path: Path) -> None:
    for distribution, source in AMBIGUOUS.items():
        install(tmp_path, distribution, source)
    done = cvp("list-models", path=tmp_path, CVP_STRICT="1")
    assert done.returncode == 1
    assert "'twin' is claimed by cvp-one and cvp-two" in done.stderr


def test_strict_is_quiet_when_all_is_well() -> None:
    done = cvp("list-models", "--json", CVP_STRICT="1")
    assert (done.returncode, done.stderr) == (0, "")


def test_two_hundred_plugins_are_listed(tmp_path: Path) -> None:
    for index in range(200):
        names = [f"fake{index}_{width}" for width in range(5)]
        install(tmp_path, f"cvp-fake{index}", family(*names, family=f"fake{index}", default=names[0]))
    done = cvp("list-models", "fake*", "--json", path=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)) == 1000
