"""An artifact answers as the model does, takes its place as a whole, and is refused where it must be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cvp_core
from cvp_core.compile import Trial, open_artifact, read_manifest
from cvp_core.errors import MachineError, OutputError, WeightsError
from cvp_core.subject import find_subject
from cvp_core.weights.manifest import write_manifest as write_entries


@pytest.mark.parametrize("batch_size", [2, None])
def test_artifact_answers_any_number_of_pictures(compiled: Callable[..., Path], batch_size: int | None) -> None:
    folder = compiled("right", batch_size)
    run, manifest = open_artifact(folder)
    images = np.random.default_rng(0).normal(size=(5, 1, 28, 28)).astype(np.float32)
    state = cvp_core.load(folder, fallback=True).header
    assert state == manifest.header
    arrays = np.load(folder / "payload" / "linear.npz")
    np.testing.assert_allclose(run(images), images.reshape(5, -1) @ arrays["weight"].T + arrays["bias"], atol=1e-4)


def test_classifier_of_an_artifact_names_what_the_plain_model_names(compiled: Callable[..., Path]) -> None:
    folder = compiled("right")
    pixels = np.random.default_rng(0).integers(0, 255, (3, 28, 28), dtype=np.uint8)
    ours = cvp_core.load(folder).predict(list(pixels), top_k=2)
    plain = cvp_core.load(folder / "weights.safetensors").predict(list(pixels), top_k=2)
    assert [[guess.label for guess in answer.guesses] for answer in ours] == [
        [guess.label for guess in answer.guesses] for answer in plain
    ]


@pytest.mark.parametrize("change", ["tamper", "truncate", "remove"])
def test_a_changed_file_is_refused_by_name_and_the_fallback_runs(compiled: Callable[..., Path], change: str) -> None:
    folder = compiled("right")
    path = folder / "payload" / "linear.npz"
    content = bytearray(path.read_bytes())
    if change == "tamper":
        content[len(content) // 2] ^= 1
    path.unlink()
    if change != "remove":
        path.write_bytes(content[: -10 if change == "truncate" else None])
    with pytest.raises(WeightsError, match=r"payload/linear.npz (was changed|is missing)"):
        cvp_core.load(folder)
    plain = cvp_core.load(folder, fallback=True)
    assert "payload/linear.npz" in plain.refused
    assert plain.predict(np.zeros((28, 28), np.uint8))[0].error is None


def test_what_its_library_does_not_load_is_a_fault_of_the_machine_and_the_fallback_runs(
    compiled: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compiled("right")
    assert cvp_core.load(folder).refused == ""

    def fail(*given: object) -> None:
        raise OSError("no space left\nsecond line")

    monkeypatch.setattr("cvp_core.compile.artifact.load_payload", fail)
    with pytest.raises(MachineError, match=r"cannot load it \(OSError: no space left\); compile it here") as caught:
        cvp_core.load(folder)
    assert "\n" not in str(caught.value)
    assert "no space left" in cvp_core.load(folder, fallback=True).refused


@pytest.mark.parametrize("name", ["weights.safetensors", "payload/added.bin"])
def test_weights_that_were_changed_and_a_file_that_was_added_are_refused(
    compiled: Callable[..., Path], name: str
) -> None:
    folder = compiled("right")
    with (folder / name).open("ab") as file:
        file.write(b"more")
    with pytest.raises(WeightsError, match=name):
        open_artifact(folder)


def edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"arch": "z80"}, "compiled for z80"),
        ({"needs": ["avx9000"]}, "a CPU with avx9000"),
        ({"format_version": 99}, "artifact format 99"),
        ({"format_version": 1}, "an older cvp-core"),
        ({"files": {"../../outside": "0"}}, "outside of it"),
        ({"job": {}}, "is damaged"),
    ],
)
def test_another_machine_or_format_is_refused_with_its_reason(
    compiled: Callable[..., Path], changes: dict[str, object], reason: str
) -> None:
    folder = compiled("right")
    edit(folder, **changes)
    with pytest.raises(WeightsError, match=reason):
        cvp_core.load(folder)


def test_native_code_needs_the_features_of_the_cpu_that_compiled_it(compiled: Callable[..., Path]) -> None:
    from cvp_core.machine import cpu_features

    assert set(read_manifest(compiled("native")).needs) == cpu_features()


def test_code_of_another_release_of_torch_is_refused(compiled: Callable[..., Path]) -> None:
    folder = compiled("code")
    edit(folder, versions={"torch": "1.0.0"})
    with pytest.raises(WeightsError, match=r"compiled with torch 1.0.0"):
        cvp_core.load(folder, trust=True)


def test_code_that_another_user_wrote_needs_trust(
    compiled: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compiled("code")
    assert open_artifact(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))
    with pytest.raises(WeightsError, match="--trust"):
        open_artifact(folder)
    assert open_artifact(folder, trust=True)


@pytest.mark.parametrize(
    "name, content",
    [
        ("thesis.txt", "mine"),
        ("manifest.json", '{"name": "a web app", "start_url": "/"}'),
        ("manifest.json", '{"format_version": 1, "weights": {}}'),  # a store of weights
        ("manifest.json", "{"),
    ],
)
def test_a_folder_that_is_no_artifact_is_not_overwritten(
    compile_linear: Callable[..., list[Trial]], tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / "linear.cvp").mkdir()
    (tmp_path / "linear.cvp" / name).write_text(content)
    with pytest.raises(OutputError, match="no artifact of cvp"):
        compile_linear(tmp_path / "linear.cvp", "right")
    assert (tmp_path / "linear.cvp" / name).read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["linear.cvp"]


def test_a_store_of_weights_is_told_from_an_artifact(tmp_path: Path) -> None:
    store = tmp_path / "shelf"
    cvp_core.save(store / "digits.safetensors", cvp_core.create_model("linear"), classes=[str(n) for n in range(10)])
    write_entries(store, {})
    for ask in (cvp_core.load, open_artifact, find_subject):
        with pytest.raises(WeightsError, match=r"a store of weights; name one of them, such as .*digits\.safetensors"):
            ask(store)
    (store / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(WeightsError, match="no artifact"):
        open_artifact(store)


def test_an_artifact_is_replaced_as_a_whole(
    compile_linear: Callable[..., list[Trial]], compiled: Callable[..., Path]
) -> None:
    folder = compiled("code")
    compile_linear(folder, "right")
    assert read_manifest(folder).backend == "cvp-fakes/right"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "payload", "weights.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == ["linear.cvp"]
