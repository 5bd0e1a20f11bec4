"""`cvp weights`: files that come in, go out, are proved and deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
import torchvision

import cvp_core
from cvp_cli.main import main
from cvp_core.locks import taking_turns

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the weights squeeze, and a cache of its own."""
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "weights"
    cvp_core.save(folder / "squeeze.safetensors", cvp_core.create_model("squeezenet1_1", num_classes=4), classes=NAMES)
    return folder


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_exported_and_imported_again_the_tensors_are_the_same(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.pth"
    assert main(["weights", "export", "squeeze", "--format", "torchvision", "-o", str(out)]) == 0
    assert "torchvision.models.get_model('squeezenet1_1', num_classes=4)" in capsys.readouterr().out
    torchvision.models.squeezenet1_1(num_classes=4).load_state_dict(torch.load(out))
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    line = ["weights", "import", str(out), "--model", "squeezenet1_1", "--name", "again"]
    assert main([*line, "--classes", str(tmp_path / "names.txt")]) == 0
    said = capsys.readouterr().out
    assert "torchvision" in said
    assert "next     cvp predict again photo.jpg" in said
    before, after = (cvp_core.create_model("squeezenet1_1", weights=name).state_dict() for name in ("squeeze", "again"))
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert main([*line, "--classes", "a,b,c,d", "--overwrite", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["name"], document["layout"], document["classes"]) == ("again", "torchvision", NAMES)


def test_export_names_its_file_itself(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["weights", "export", "squeeze", "--format", "torchvision", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == "squeeze-torchvision.safetensors"
    assert (tmp_path / "squeeze-torchvision.safetensors").is_file()


@pytest.mark.parametrize(
    "line, message",
    [
        (["import", "{}/squeeze.safetensors", "--model", "lenet", "--name", "x"], "holds squeezenet1_1"),
        (["import", "{}/squeeze.safetensors", "--model", "squeezenet1_1", "--name", "../../x"], "cannot be the name"),
        (["import", "nowhere.pth", "--model", "lenet"], "no file nowhere.pth."),
        (["import", "nowhere.pth"], "Missing option '--model'"),
        (["export", "squeeze", "--format", "timm"], "timm has no network that is squeezenet1_1"),
        (["export", "squeeze", "--format", "keras"], "'keras' is not one of"),
        (["remove", "../squeeze", "--yes"], "no weights are named '../squeeze'"),
        (["remove", "{}/squeeze.safetensors", "--yes"], "no weights are named"),
        (["remove", "squeeze"], "no terminal to ask at, so give --yes"),
        (["show", "squeez"], "Did you mean 'squeeze'?"),
        (["verify", "squeez"], "Did you mean 'squeeze'?"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_all_as_it_was(
    store: Path, capsys: pytest.CaptureFixture[str], line: list[str], message: str
) -> None:
    assert main(["weights", *(word.format(store) for word in line)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert files(store.parent) == ["squeeze.safetensors"]


def test_verify_ends_with_2_where_a_file_is_not_sound(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "verify"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 file checked, none not sound"
    content = (store / "squeeze.safetensors").read_bytes()
    (store / "cut.safetensors").write_bytes(content[:-1])
    assert main(["weights", "verify"]) == 2
    out = capsys.readouterr().out
    assert "cut" in out
    assert "BAD" in out
    assert main(["weights", "verify", "squeeze", str(store / "cut.safetensors"), "--json"]) == 2
    sound, cut = json.loads(capsys.readouterr().out)
    assert sound["sound"] is True
    assert sound["checks"]["network"] == "ok"
    assert cut["sound"] is False
    assert cut["checks"]["file"] == "failed"


def test_remove_deletes_by_name(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "remove", "squeeze", "--yes"]) == 0
    assert capsys.readouterr().out.startswith("removed  squeeze (trained, 2.9 MB)")
    assert files(store) == []


def test_prune_frees_what_can_be_had_again_and_keeps_the_trained(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pulled = tmp_path / "cache" / "pretrained" / "cvp-foo"
    (pulled / "incoming").mkdir(parents=True)
    (pulled / "torchvision").mkdir()
    for path, size in (
        (pulled / "foonet.hub_v2.safetensors", 1000),
        (pulled / "torchvision" / "foonet.v1.safetensors", 100),
        (pulled / "incoming" / "foonet.v3.foo.pth.part", 500),
        (pulled / "incoming" / "foonet.v4.foo.pth", 50),
        (pulled / ".foonet.v5.safetensors.0123abcd.tmp", 5),
        (store / ".squeeze.safetensors.0123abcd.tmp", 20),
        (store / ".kept.tmp", 7),
        (store / "notes.part", 7),
    ):
        path.write_bytes(bytes(size))
        os.utime(path, (0, 0))
    (store / ".squeeze.safetensors.ba987654.tmp").touch()  # somebody is writing it
    assert main(["weights", "prune"]) == 2
    said = capsys.readouterr()
    assert "6 files of 1.7 kB would be removed" in said.err
    assert main(["weights", "prune", "--keep-pulled", "--yes"]) == 0
    assert "removed 4 files, 575 B freed" in capsys.readouterr().out
    assert main(["weights", "prune", "--yes", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(Path(row["path"]).name, row["what"]) for row in rows] == [
        ("foonet.hub_v2.safetensors", "pulled"),
        ("foonet.v1.safetensors", "pulled"),
    ]
    assert files(tmp_path) == [
        ".kept.tmp",
        ".squeeze.safetensors.ba987654.tmp",
        "notes.part",
        "squeeze.safetensors",
    ]
    assert main(["weights", "prune"]) == 0
    assert "nothing to remove" in capsys.readouterr().err


def test_prune_leaves_alone_what_is_on_its_way(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    incoming = tmp_path / "cache" / "pretrained" / "cvp-foo" / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "foonet.v3.foo.pth.part").write_bytes(b"half")
    hub = tmp_path / "cache" / "hub" / "owner" / "birds"
    hub.mkdir(parents=True)
    (hub / "model.safetensors").write_bytes((store / "squeeze.safetensors").read_bytes())
    with taking_turns(incoming):
        assert main(["weights", "prune", "--yes"]) == 0
    assert "removed 1 file, 2.9 MB" in capsys.readouterr().out
    assert (incoming / "foonet.v3.foo.pth.part").exists()
    assert not (hub / "model.safetensors").exists()


def test_weights_from_the_hub_are_listed_and_found_by_address(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cache" / "hub" / "owner" / "birds" / "model.safetensors"
    file.parent.mkdir(parents=True)
    (store / "squeeze.safetensors").rename(file)
    assert main(["weights", "list", "--here"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["hf://owner/birds", "pulled"]
    assert main(["weights", "path", "hf://owner/birds"]) == 0
    assert capsys.readouterr().out == f"{file}\n"
