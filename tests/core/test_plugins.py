"""Discovery inside one process; tests/cli/test_troubled_plugins.py sees the same from the outside."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest
from fake_plugins import family, install

from cvp_core.errors import PluginError
from cvp_core.plugins import Plugin, discover
from cvp_core.registry import rediscover
from cvp_core.targets import load_target

Found = Callable[[], dict[str, Plugin]]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name, module in sys.modules.items() if str(tmp_path) in str(module)]:
        del sys.modules[name]
    monkeypatch.undo()
    rediscover()


@pytest.fixture
def found() -> Found:
    def again() -> dict[str, Plugin]:
        invalidate_caches()
        rediscover()
        return {plugin.distribution: plugin for plugin in discover()}

    return again


def test_core_registers_its_own_data_sets_like_any_plugin(found: Found) -> None:
    core = found()["cvp-core"]
    assert core.module == "cvp_core.builtin"
    assert "birds" in {spec.name for spec in core.datasets}


def test_plugins_are_sorted_whatever_the_order_on_disk(site: Path, found: Found) -> None:
    for name in ("cvp-zebra", "cvp-ant"):
        install(site, name, family(name[4:], family=name[4:]))
    assert list(found()) == sorted(found())


def test_first_on_the_path_hides_another_version_of_the_same_plugin(site: Path, found: Found) -> None:
    install(site / "old", "cvp-bar", family("old", family="bar"), version="1.0")
    sys.path.append(str(site / "old"))
    install(site, "cvp_Bar", family("new", family="bar"), version="2.0")
    try:
        bars = [plugin for plugin in found().values() if plugin.distribution in ("cvp-bar", "cvp_Bar")]
    finally:
        sys.path.remove(str(site / "old"))
    assert [(plugin.distribution, plugin.version) for plugin in bars] == [("cvp_Bar", "2.0")]


def test_damaged_metadata_of_a_stranger_disturbs_nobody(site: Path, found: Found) -> None:
    stranger = site / "stranger-1.0.dist-info"
    stranger.mkdir()
    (stranger / "METADATA").write_bytes(b"\xff\xfe not text")
    (stranger / "entry_points.txt").write_bytes(b"[console_scripts]\nno equals sign \xff\n")
    assert found()["cvp-densenet"].models


def test_plugin_without_metadata_is_still_found(site: Path, found: Found) -> None:
    install(site, "cvp-bare", family("bare", family="bare"))
    (site / "cvp_bare-2.1.dist-info" / "METADATA").unlink()
    assert "bare" in {spec.name for plugin in found().values() for spec in plugin.models}


def test_entry_point_may_name_an_object_in_a_module(site: Path, found: Found) -> None:
    source = """
from cvp_core import ModelSpec, hookimpl

class Group:
    CVP_API = 1

    @hookimpl
    def cvp_models(self):
        return [ModelSpec("inner", "inner", "cvp_object:build")]

plugin = Group()
"""
    install(site, "cvp-object", source, entry="cvp_object:plugin")
    plugin = found()["cvp-object"]
    assert (plugin.error, [spec.name for spec in plugin.models]) == ("", ["inner"])


def test_two_modules_of_one_distribution_cannot_declare_one_name(site: Path, found: Found) -> None:
    install(site, "cvp-both", family("same", family="both"))
    (site / "cvp_both_more.py").write_text(family("same", family="both"))
    entries = site / "cvp_both-2.1.dist-info" / "entry_points.txt"
    entries.write_text("[cvp]\na = cvp_both\nb = cvp_both_more\n")
    found()
    errors = [plugin.error for plugin in discover() if plugin.distribution == "cvp-both"]
    assert errors == ["", "declares the model 'same', which cvp_both of the same distribution declares too"]


def test_hook_may_be_a_generator(site: Path, found: Found) -> None:
    source = family("lazy", family="lazy").replace("    return [", "    yield from [")
    install(site, "cvp-lazy", source)
    assert [spec.name for spec in found()["cvp-lazy"].models] == ["lazy"]


def test_interrupt_while_a_plugin_is_imported_is_not_swallowed(site: Path, found: Found) -> None:
    install(site, "cvp-slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        found()


def test_broken_plugin_keeps_its_whole_traceback(site: Path, found: Found) -> None:
    install(site, "cvp-deep", "def inner():\n    1 / 0\ninner()\n")
    plugin = found()["cvp-deep"]
    assert plugin.error == "ZeroDivisionError: division by zero"
    assert "in inner" in plugin.traceback


def test_strict_makes_a_broken_plugin_fatal(site: Path, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "cvp-deep", "1 / 0")
    monkeypatch.setenv("CVP_STRICT", "1")
    with pytest.raises(PluginError, match=r"cvp-deep 2\.1: ZeroDivisionError"):
        found()
    monkeypatch.setenv("CVP_STRICT", "0")
    assert found()["cvp-deep"].error


@pytest.mark.parametrize(
    "target, reason",
    [
        ("nowhere.at_all:build", "ModuleNotFoundError"),
        ("cvp_core.errors:no_such", "AttributeError"),
        ("cvp_leaver:build", "SystemExit: 3"),
    ],
)
def test_target_that_does_not_load_names_the_plugin(target: str, reason: str, site: Path) -> None:
    (site / "cvp_leaver.py").write_text("import sys; sys.exit(3)")
    invalidate_caches()
    with pytest.raises(PluginError, match=f"cvp-foo 2: cannot load {target}: {reason}"):
        load_target(target, "cvp-foo 2")
