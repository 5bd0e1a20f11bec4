"""Foreign checkpoints: tensors out of whatever they lie in, and nothing of what a hostile file wants."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cvp_core.errors import WeightsError
from cvp_core.weights.foreign import fitted, non_finite, read_tensors

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.ones(2)}


def saved(folder: Path, content: Any, **how: Any) -> Path:
    path = folder / "x.pth"
    torch.save(content, path, **how)
    return path


def same(found: dict[str, torch.Tensor]) -> bool:
    return list(found) == list(STATE) and all(torch.equal(found[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {}}},
        lambda state: {"model": state, "args": None},
        lambda state: {"state_dict": {key: tensor + 1 for key, tensor in state.items()}, "state_dict_ema": state},
        lambda state: {f"module.{key}": tensor for key, tensor in state.items()},
        lambda state: {f"_orig_mod.module.{key}": tensor for key, tensor in state.items()},
        lambda state: {"state_dict": {f"model.{key}": tensor for key, tensor in state.items()}},
        lambda state: {"state_dict": {f"model._orig_mod.{key}": tensor for key, tensor in state.items()}},
        lambda state: {"model_ema": {"n_averaged": torch.tensor(7), **{f"module.{k}": v for k, v in state.items()}}},
    ],
    ids=["bare", "nested", "model", "averaged first", "DataParallel", "compiled", "Lightning", "both", "AveragedModel"],
)
def test_the_state_dict_is_found_in_what_training_scripts_write(tmp_path: Path, wrap: Any, is_zip: bool) -> None:
    assert same(read_tensors(saved(tmp_path, wrap(STATE), _use_new_zipfile_serialization=is_zip)))


def test_parameters_are_tensors(tmp_path: Path) -> None:
    found = read_tensors(saved(tmp_path, dict(nn.Linear(2, 2).named_parameters())))
    assert not any(tensor.requires_grad for tensor in found.values())


class Touch:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_pickle_is_never_run(tmp_path: Path, is_zip: bool) -> None:
    canary = tmp_path / "canary"
    file = saved(tmp_path, {**STATE, "x": Touch(canary)}, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(WeightsError, match=r"holds code .* cvp does not run.*model.state_dict"):
        read_tensors(file)
    assert not canary.exists()
    torch.load(file, weights_only=False)
    assert canary.exists()  # it would have been


def test_a_plain_pickle_and_a_tar_are_refused(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "x.pth"
    path.write_bytes(pickle.dumps(Touch(canary)))
    with pytest.raises(WeightsError, match="does not run"):
        read_tensors(path)
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("storages")
        info.size = 10
        tar.addfile(info, io.BytesIO(bytes(10)))
    with pytest.raises(WeightsError, match=r"neither a \.safetensors file nor a checkpoint"):
        read_tensors(path)
    assert not canary.exists()


def test_an_archive_that_would_unpack_to_more_is_a_bomb(tmp_path: Path) -> None:
    plain = saved(tmp_path, {"w": torch.zeros(1 << 22)})
    bomb = tmp_path / "bomb.pth"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(WeightsError, match=r"would unpack to 16,7.* bytes"):
        read_tensors(bomb)


def test_entries_that_lie_over_one_another_are_a_bomb(tmp_path: Path) -> None:
    path = saved(tmp_path, {"w": torch.zeros(1000)})
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02")
    directory = bytearray(content)
    for place in (20, 24):  # compressed and uncompressed size
        directory[at + place : at + place + 4] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(directory)
    with pytest.raises(WeightsError, match=r"would unpack to 1,07"):
        read_tensors(path)


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_small_storage_that_poses_as_gigabytes_is_refused(tmp_path: Path, is_zip: bool) -> None:
    file = saved(tmp_path, {"w": torch.zeros(1).expand(1 << 40)}, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(WeightsError, match="tensors claim 4,398,046,511,104 bytes"):
        read_tensors(file)


def test_a_storage_longer_than_its_record_is_not_read_beyond_the_file(tmp_path: Path) -> None:
    plain, lying = saved(tmp_path, {"w": torch.zeros(200)}), tmp_path / "lying.pth"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(lying, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                assert content.count(b"K\xc8") == 2  # elements of the storage and of the tensor
                content = content.replace(b"K\xc8", b"J\x00\x00\x01\x00")
            target.writestr(entry.filename, content)
    with pytest.raises(WeightsError, match="cannot be read as a checkpoint"):
        read_tensors(lying)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.empty(1 << 40, device="meta"),
        torch.eye(3).to_sparse(),
        torch.ones(2, dtype=torch.complex64),
    ],
    ids=["meta", "sparse", "complex"],
)
def test_what_is_no_plain_tensor_is_refused_by_name(tmp_path: Path, tensor: torch.Tensor) -> None:
    with pytest.raises(WeightsError, match="'w' is no plain tensor"):
        read_tensors(saved(tmp_path, {"w": tensor}))


def test_a_pickle_that_contains_itself_has_no_state_dict(tmp_path: Path) -> None:
    content: dict[str, Any] = {}
    content["model"] = content
    with pytest.raises(WeightsError, match="holds no state dict"):
        read_tensors(saved(tmp_path, content))


def test_two_state_dicts_in_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="several state dicts"):
        read_tensors(saved(tmp_path, {**STATE, **{f"module.{key}": tensor for key, tensor in STATE.items()}}))


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_file_cut_short_anywhere_is_damaged_and_nothing_else(tmp_path: Path, is_zip: bool) -> None:
    file = saved(tmp_path, STATE, _use_new_zipfile_serialization=is_zip)
    content = file.read_bytes()
    for size in range(0, len(content) - 1, 37):
        file.write_bytes(content[:size])
        with pytest.raises(WeightsError):
            read_tensors(file)


def test_a_missing_file_gets_near_misses(tmp_path: Path) -> None:
    saved(tmp_path, STATE)
    with pytest.raises(WeightsError, match=r"no file .*y\.pth\. Did you mean '.*x\.pth'\?"):
        read_tensors(tmp_path / "y.pth")


def test_numbers_get_the_networks_type_and_counters_begin_at_zero() -> None:
    norm = nn.BatchNorm2d(2)
    state = {key: value.double() for key, value in norm.state_dict().items() if key != "num_batches_tracked"}
    norm.load_state_dict(fitted(state, nn.Sequential(norm)[0]), strict=True)
    prefixed = fitted({}, nn.Sequential(norm))
    assert list(prefixed) == ["0.num_batches_tracked"]
    assert {value.dtype for value in fitted({f"0.{k}": v for k, v in state.items()}, nn.Sequential(norm)).values()} == {
        torch.float32,
        torch.int64,
    }
    with pytest.raises(WeightsError, match=r"'0.weight' holds torch.int8"):
        fitted({"0.weight": torch.ones(2, dtype=torch.int8)}, nn.Sequential(norm))


def test_nan_and_infinity_are_found_by_name() -> None:
    values = [("a", torch.ones(2)), ("b", torch.tensor([1.0, float("nan")])), ("c", torch.tensor(float("inf")))]
    assert non_finite([*values, ("n", torch.tensor(3))]) == ["b", "c"]


def test_a_safetensors_header_that_lies_is_refused_before_the_library_sees_it(tmp_path: Path) -> None:
    one = b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
    path = tmp_path / "x.safetensors"
    for header, message in (
        (b"{" + one + b"," + one + b"}", "twice"),
        (b"{" + one.replace(b"8", b"4") + b"}", "needs 8"),
    ):
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
        with pytest.raises(WeightsError, match=message):
            read_tensors(path)
