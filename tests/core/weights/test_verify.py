"""What verification finds: each fault that a weights file can have, planted once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

import cvp_core
from cvp_core.weights.manifest import Entry, write_manifest
from cvp_core.weights.seal import is_intact, sealed
from cvp_core.weights.verify import CHECKS, verify

CLASSES = [str(digit) for digit in range(10)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    cvp_core.save(path, cvp_core.create_model("lenet"), classes=CLASSES)
    path.write_bytes(sealed(path.read_bytes()))
    return path


def changed(file: Path, state: Mapping[str, torch.Tensor] | None = None, **header: Any) -> Path:
    """The file with other tensors or other values in its header, and no hash."""
    with safe_open(file, framework="pt") as opened:
        document = json.loads(opened.metadata()["cvp"])
    tensors = load_file(file) if state is None else dict(state)
    save_file({key: value.clone() for key, value in tensors.items()}, file, {"cvp": json.dumps({**document, **header})})
    return file


def test_a_sound_file_passes_every_check(file: Path) -> None:
    verdict = verify(file)
    assert verdict.is_sound
    assert verdict.faults == verdict.open == {}
    assert is_intact(file)


def test_the_hash_changes_neither_tensors_nor_header(file: Path, tmp_path: Path) -> None:
    before = load_file(file)
    plain = changed(file)
    assert is_intact(plain) is None
    assert verify(plain).open == {"hash": "none recorded"}
    again = tmp_path / "again.safetensors"
    again.write_bytes(sealed(plain.read_bytes()))
    assert is_intact(again)
    assert all(torch.equal(tensor, before[key]) for key, tensor in load_file(again).items())
    assert cvp_core.load(again).classes == tuple(CLASSES)


def test_one_bit_that_turned_is_found(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    assert list(verify(file).faults) == ["hash"]


def test_a_class_name_that_was_changed_is_found(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(rb"\"classes\": [\"0\"", rb"\"classes\": [\"8\""))
    assert cvp_core.load(file).classes[0] == "8"
    assert list(verify(file).faults) == ["hash"]


def test_values_that_are_not_finite_are_named(file: Path) -> None:
    state = load_file(file)
    name = next(key for key in state if key.startswith("stages"))
    state[name] = state[name] / 0
    assert verify(changed(file, state)).faults == {"values": f"not finite in {name}"}


def test_missing_extra_and_misshaped_tensors_are_named(file: Path) -> None:
    state = load_file(file)
    state["surplus"] = torch.zeros(1)
    state["head.classifier.bias"] = torch.zeros(3)
    lost = next(key for key in state if key.startswith("stages"))
    del state[lost]
    fault = verify(changed(file, state)).faults["network"]
    assert all(part in fault for part in (lost, "surplus", "head.classifier.bias 3 instead of 10"))


def test_class_names_that_do_not_fit_the_outputs_are_found(file: Path) -> None:
    assert "10x64 instead of 2x64" in verify(changed(file, classes=["a", "b"])).faults["network"]
    assert verify(changed(file, classes=[])).faults["header"] == "it names no classes"


def test_numbers_of_another_type_are_found(file: Path) -> None:
    halves = {key: tensor.half() for key, tensor in load_file(file).items()}
    assert "holds torch.float16, the network has torch.float32" in verify(changed(file, halves)).faults["network"]


@pytest.mark.parametrize(
    "header",
    [
        {"model": "../../etc/passwd"},
        {"model": "a/b/c"},
        {"distribution": "cvp-foo/../x"},
        {"distribution": "cvp-foo --index-url http://evil.example"},
    ],
)
def test_a_name_that_is_a_path_or_an_option_is_found(file: Path, header: dict[str, str]) -> None:
    verdict = verify(changed(file, **header))
    assert "cannot be the name of a model" in verdict.faults["header"]
    assert "network" in verdict.open


def test_metadata_that_are_no_json_are_found(file: Path) -> None:
    save_file(load_file(file), file, {"cvp": "{not json"})
    assert "damaged cvp header" in verify(file).faults["header"]


def test_a_network_that_is_not_installed_is_not_looked_at(file: Path) -> None:
    verdict = verify(changed(file, model="foonet", distribution="cvp-foo"))
    assert verdict.is_sound
    assert "pip install cvp-foo" in verdict.open["network"]


def test_a_cut_and_a_foreign_file_are_faulty(file: Path, tmp_path: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])
    assert "file" in verify(file).faults
    assert set(verify(file).faults) | set(verify(file).open) == set(CHECKS)
    torch.save({"w": torch.zeros(3)}, tmp_path / "x.pth")
    assert "file" in verify(tmp_path / "x.pth").faults


def test_a_shipped_file_is_held_against_the_manifest_of_its_store(file: Path) -> None:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    entry = Entry("w", "lenet", "mnist", "test", 10, 0.5, "cvp train lenet", sha256, file.stat().st_size, "0.1.0")
    write_manifest(file.parent, {"w": entry})
    assert verify(file).is_sound
    cvp_core.save(file, cvp_core.create_model("lenet"), classes=CLASSES)
    assert "says" in verify(file).faults["hash"]
