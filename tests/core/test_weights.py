"""The weights file: whole or not at all, strict, and clear about what is wrong with another file."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

import cvp_core
from cvp_core.errors import MachineError, NotInstalledError, OutputError, WeightsError
from cvp_core.weights import find_weights, weights_dir
from cvp_core.weights.atomic import write_atomically
from cvp_core.weights.header import read_header

CLASSES = [str(digit) for digit in range(10)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "w.safetensors"
    cvp_core.save(path, cvp_core.create_model("lenet"), classes=CLASSES, metrics={"top1": 0.5})
    return path


def rewritten(file: Path, change: dict[str, object]) -> Path:
    """The file with other values in its cvp header."""
    with safe_open(file, framework="pt") as opened:
        document = json.loads(opened.metadata()["cvp"])
    save_file(load_file(file), file, {"cvp": json.dumps({**document, **change})})
    return file


def test_a_weights_file_is_plain_safetensors_with_all_that_prediction_needs(file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        document = json.loads(opened.metadata()["cvp"])
    assert document["model"] == "lenet"
    assert document["distribution"] == "cvp-classic"
    assert document["classes"] == CLASSES
    assert document["input_size"] == [3, 32, 32]
    assert document["preprocess"]["size"] == [32, 32]
    assert b"pickle" not in file.read_bytes()


def test_a_model_of_another_size_and_of_grey_pictures_prepares_its_own(tmp_path: Path) -> None:
    model = cvp_core.create_model("squeezenet1_1", num_classes=2, in_channels=1, image_size=(96, 64))
    cvp_core.save(tmp_path / "grey.safetensors", model, classes=("a", "b"))
    found = read_header(tmp_path / "grey.safetensors").preprocess
    # 256 of 224 pixels, as the shares of a picture; both sides fit
    assert (found.size, found.resize, found.mean, found.std) == ((96, 64), 110, (0.5,), (0.5,))


def test_the_same_model_gives_the_same_bytes(file: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    again = tmp_path / "again.safetensors"
    cvp_core.save(again, cvp_core.create_model("lenet"), classes=CLASSES, metrics={"top1": 0.5})
    assert again.read_bytes() == file.read_bytes()


def test_a_truncated_file_is_damaged(file: Path) -> None:
    content = file.read_bytes()
    for size in (4, 100, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:size])
        with pytest.raises(WeightsError, match=r"damaged|not a safetensors"):
            cvp_core.load(file)


def test_an_empty_a_pickled_and_a_text_file_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="empty"):
        cvp_core.load(path)
    torch.save({"w": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="pickle"):
        cvp_core.load(path)
    path.write_text("hello " * 50)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        cvp_core.load(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"layer.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="was not written by cvp"):
        cvp_core.load(path)


def test_missing_extra_and_misshaped_keys_are_listed_by_name(file: Path) -> None:
    header = read_header(file)
    state = load_file(file)
    name = next(key for key in state if key.startswith("head.classifier.weight"))
    lost = next(key for key in state if key.startswith("stages"))
    del state[lost]
    state[name] = torch.zeros(10, 3)
    state["surplus"] = torch.zeros(1)
    save_file(state, file, header.to_metadata())
    with pytest.raises(WeightsError) as raised:
        cvp_core.load(file)
    for part in (lost, "surplus", f"{name} 10x3 instead of 10x64"):
        assert part in str(raised.value)


def test_weights_that_go_on_at_another_size_are_saved_for_that_size(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    cvp_core.save(path, cvp_core.create_model("squeezenet1_1", num_classes=2), classes=("a", "b"))
    model = cvp_core.create_model("squeezenet1_1", weights=path, image_size=(40, 48))
    cvp_core.save(path, model, classes=("a", "b"))
    header = read_header(path)
    assert header.input_size == (3, 40, 48)
    assert header.preprocess.size == (40, 48)


@pytest.mark.parametrize(("name", "size", "channels"), [("lenet", (40, 40), 3), ("squeezenet1_1", (40, 40), 1)])
def test_preprocessing_that_the_model_cannot_take_is_not_saved(
    name: str, size: tuple[int, int], channels: int, tmp_path: Path
) -> None:
    model = cvp_core.create_model(name, num_classes=2)
    other = cvp_core.Preprocess(size, mean=(0.5,) * channels, std=(0.5,) * channels)
    with pytest.raises(WeightsError, match=rf"{name} was built for input 3x\d+x\d+, .* makes {channels}x40x40"):
        cvp_core.save(tmp_path / "w.safetensors", model, classes=("a", "b"), preprocess=other)
    assert not list(tmp_path.iterdir())


def test_what_a_model_gets_is_what_its_preprocessing_makes(file: Path) -> None:
    assert read_header(rewritten(file, {"input_size": [3, 224, 224]})).input_size == (3, 32, 32)


def test_a_file_of_a_newer_format_asks_for_a_newer_core(file: Path) -> None:
    with pytest.raises(WeightsError, match="upgrade cvp-core"):
        cvp_core.load(rewritten(file, {"format_version": 2}))


@pytest.mark.parametrize("change", [{"preprocess": "large"}, {"classes": 3}, {"model": "../net"}])
def test_a_damaged_header_is_refused(file: Path, change: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match="damaged cvp header"):
        cvp_core.load(rewritten(file, change))


def test_a_model_whose_plugin_is_missing_ends_with_its_pip_command(file: Path) -> None:
    rewritten(file, {"model": "foonet", "distribution": "cvp-foo", "version": "1.2.3"})
    with pytest.raises(NotInstalledError, match=r"'foonet' of cvp-foo 1\.2, .*pip install cvp-foo"):
        cvp_core.load(file)


def test_another_class_count_keeps_all_but_the_classifier(file: Path) -> None:
    model = cvp_core.create_model("lenet", weights=file, num_classes=3)
    state = load_file(file)
    same = [key for key, tensor in model.state_dict().items() if torch.equal(tensor, state.get(key, torch.empty(0)))]
    assert set(state) - set(same) == {"head.classifier.weight", "head.classifier.bias"}


def test_weights_of_another_model_are_refused(file: Path) -> None:
    with pytest.raises(WeightsError, match="holds lenet, not lenet5"):
        cvp_core.create_model("lenet5", weights=file)


def test_class_names_must_be_as_many_as_outputs(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="2 class names for a model with 10 outputs"):
        cvp_core.save(tmp_path / "x.safetensors", cvp_core.create_model("lenet"), classes=["a", "b"])


def test_the_store_is_found_in_the_order_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert weights_dir("~/w") == Path.home() / "w"
    assert weights_dir() == tmp_path / "weights"  # $CVP_WEIGHTS of the tests
    monkeypatch.delenv("CVP_WEIGHTS")
    assert weights_dir().parts[-2:] == ("cvp", "weights")
    (tmp_path / "weights").mkdir()
    assert weights_dir() == Path("weights")


def test_stored_weights_are_found_by_name_and_others_get_near_misses(file: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    file.rename(store / "lenet-birds.safetensors")
    assert find_weights("lenet-birds", store) == store / "lenet-birds.safetensors"
    with pytest.raises(WeightsError, match="Did you mean 'lenet-birds'"):
        find_weights("lenet-brids", store)
    with pytest.raises(WeightsError, match="Did you mean 'lenet-birds'"):
        find_weights("lenet", store)


def test_a_place_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        write_atomically(tmp_path / "file" / "below.bin", b"x")


def test_a_full_disk_is_the_machines_fault_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path / "x.bin", b"old")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(MachineError, match="no space left"):
        write_atomically(tmp_path / "x.bin", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_writing_leaves_the_new_file_and_nothing_else(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        write_atomically(tmp_path / "x.bin", content)
    assert (tmp_path / "x.bin").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]


def test_killed_at_any_moment_the_folder_never_holds_half_a_file(tmp_path: Path) -> None:
    """A process writes 8 MB again and again and is killed after 0 to 60 ms, twenty times."""
    program = (
        "import sys, itertools, pathlib; from cvp_core.weights.atomic import write_atomically\n"
        "print('ready', flush=True)\n"
        "for turn in itertools.count():\n"
        "    write_atomically(pathlib.Path(sys.argv[1]), bytes([turn % 256]) * 8_000_000)\n"
    )
    target = tmp_path / "store" / "w.safetensors"
    for turn in range(20):
        process = subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(turn * 0.003)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for path in target.parent.glob("*") if target.parent.exists() else ():
            content = path.read_bytes()
            assert len(content) == 8_000_000
            assert content == content[:1] * 8_000_000
