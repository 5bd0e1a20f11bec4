from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_plugins import cvp

from cvp_cli.main import main
from cvp_core import native
from cvp_core.compile import winograd


def test_healthy_machine_ends_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "PLUGIN" in out
    assert "torch" in out


def test_json_has_the_same_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("CVP_WEIGHTS", str(tmp_path / "not" / "yet"))
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"] == {"folder": str(tmp_path / "not" / "yet"), "writable": True, "files": 0}
    assert found["libraries"]["cvp-core"] == "0.1.0"
    assert found["torch"]["error"] is None
    assert "cvp-densenet" in {plugin["distribution"] for plugin in found["plugins"]}
    assert all(entry["install"].startswith("pip install ") for entry in found["missing"])


def test_what_works_with_a_compiler_is_named_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda program: None)
    assert main(["doctor"]) == 0
    assert "apt install g++" in capsys.readouterr().out
    monkeypatch.setattr("shutil.which", lambda program: f"/usr/bin/{program}")
    assert main(["doctor"]) == 0
    assert "apt install g++" not in capsys.readouterr().out


def test_what_the_compiler_failed_at_is_named_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    native.built.cache_clear()
    try:
        assert native.built(winograd.SOURCE) is None
    finally:
        native.built.cache_clear()
    (log,) = tmp_path.rglob("winograd-*.log")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "faster 3x3 convolutions of openvino" in out
    assert f"see {log}" in out


def test_torch_that_does_not_import_is_said_and_survived(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')")
    done = cvp("doctor", path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cannot be used: ImportError: libcudart.so.13: cannot open shared object file" in done.stdout


@pytest.mark.parametrize("name", ["cvp-densenet", "densenet", "cvp_densenet"])
def test_one_plugin_is_found_however_it_is_spelt(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", name]) == 0
    out = capsys.readouterr().out
    assert "cvp-densenet 0.1.0 (cvp_densenet)" in out
    assert "densenet201" in out
