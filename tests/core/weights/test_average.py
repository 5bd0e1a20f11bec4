"""Averages of weights: exact where they must be, never worse than the best where they are greedy, and refused else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, safe_open, save_file

import cvp_core
from cvp_core.data import open_data
from cvp_core.errors import WeightsError
from cvp_core.evaluate import evaluate
from cvp_core.weights.average import State, greedy, header_of, open_ingredients, uniform
from cvp_core.weights.format import save_tensors
from cvp_core.weights.header import read_header
from cvp_core.weights.heldout import HeldOut

MODEL = "shufflenet_v2_x0_5"
CLASSES = ("blue", "red")
PREPROCESS = cvp_core.Preprocess((32, 32), 32)


def write(path: Path, seed: int, **changes: object) -> Path:
    """Weights and running statistics at random."""
    torch.manual_seed(seed)
    settings = {"classes": CLASSES, "preprocess": PREPROCESS, "training": {"seed": 0, "epochs": seed}} | changes
    model = cvp_core.create_model(str(settings.pop("model", MODEL)), num_classes=len(settings["classes"]))  # type: ignore[arg-type]
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
        elif name.endswith("num_batches_tracked"):
            buffer.fill_(seed)
    cvp_core.save(path, model, **settings)  # type: ignore[arg-type]
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for name, colour in (("blue", (40, 40, 200)), ("red", (200, 40, 40))):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(15):
            pixels = np.clip(generator.normal(colour, 40, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
    return tmp_path / "data"


def test_the_average_of_equal_weights_is_those_weights(tmp_path: Path) -> None:
    file = write(tmp_path / "a.safetensors", 1)
    found = open_ingredients([str(file)] * 3)
    state = uniform(found).state
    for key, tensor in load_file(file).items():
        assert tensor.dtype == state[key].dtype
        assert torch.equal(state[key], tensor), key


def test_the_average_is_numpys_mean_and_whole_numbers_are_the_first(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2, 3)]
    states = [load_file(file) for file in files]
    average = uniform(open_ingredients(files)).state
    assert average.keys() == states[0].keys()
    for key, tensor in average.items():
        values = [state[key].numpy() for state in states]
        if tensor.is_floating_point():
            mean = np.mean(np.stack(values).astype(np.float64), axis=0).astype(np.float32)
            np.testing.assert_array_equal(tensor.numpy(), mean)
        else:
            assert int(tensor) == 1


def test_the_file_of_an_average_is_a_classifier_that_names_its_parents(tmp_path: Path) -> None:
    files = [str(write(tmp_path / f"{seed}.safetensors", seed)) for seed in (1, 2)]
    average = uniform(open_ingredients(files))
    save_tensors(tmp_path / "soup.safetensors", average.state, header_of(average, {}))
    header = read_header(tmp_path / "soup.safetensors")
    assert header.training == {
        "seed": 0,
        "average": "uniform",
        "parents": [file.removesuffix(".safetensors") for file in files],
    }
    assert header.metrics == {}
    assert (header.classes, header.preprocess, header.model) == (CLASSES, PREPROCESS, MODEL)
    picture = np.full((32, 32, 3), 200, np.uint8)
    assert cvp_core.load(tmp_path / "soup.safetensors").predict(picture)[0].error is None


@pytest.mark.parametrize("seed", range(4))
def test_greedy_never_ends_below_its_best_ingredient(tmp_path: Path, seed: int) -> None:
    """Whatever is measured: here the accuracy is drawn from the weights by lot."""
    files = [write(tmp_path / f"{number}.safetensors", number, model="lenet") for number in range(4)]

    def top1(state: State) -> float:
        key = int(abs(float(state["head.classifier.weight"].double().sum())) * 1e9) + seed
        return float(np.random.default_rng(key).integers(0, 20)) / 20

    found = open_ingredients(files)
    average = greedy(found, top1)
    alone = {one.ingredient.name: one.top1 for one in average.tried}
    assert average.top1 == top1(average.state)
    assert average.top1 >= max(top1(load_file(file)) for file in files)
    assert [one.top1 for one in average.tried] == sorted(alone.values(), reverse=True)
    mean = uniform(average.kept).state
    assert all(torch.equal(mean[key], tensor) for key, tensor in average.state.items() if tensor.is_floating_point())


def test_greedy_takes_what_helps_and_leaves_what_harms(tmp_path: Path) -> None:
    """Accuracy falls with the distance of one number from 0: +1 and -1 cancel each other, 9 harms."""
    files = []
    for name, value in (("far", 9.0), ("plus", 1.0), ("minus", -1.5)):
        file = write(tmp_path / f"{name}.safetensors", 1, model="lenet")
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata()
        save_file({**load_file(file), "head.classifier.bias": torch.tensor([value, 0.0])}, file, metadata)
        files.append(file)
    average = greedy(open_ingredients(files), lambda state: 1 - abs(float(state["head.classifier.bias"][0])) / 10)
    assert [Path(one.ingredient.name).name for one in average.tried] == ["plus", "minus", "far"]
    assert [one.is_kept for one in average.tried] == [True, True, False]
    assert average.top1 == pytest.approx(0.975)
    assert float(average.state["head.classifier.bias"][0]) == -0.25


def test_held_out_accuracy_is_that_of_evaluate(tmp_path: Path, data: Path) -> None:
    files = [write(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2)]
    found = open_ingredients(files)
    held_out = HeldOut(found[0], str(data), batch_size=4)
    splits = open_data(str(data))
    assert not held_out.has_own
    assert len(held_out.images) == 6
    for file, one in zip(files, uniform(found, held_out.top1).tried, strict=True):
        expected = evaluate(cvp_core.load(file), held_out.images, splits.classes)
        assert one.top1 == expected.top1


def test_norms_are_estimated_again_from_training_pictures(tmp_path: Path, data: Path) -> None:
    files = [write(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2)]
    found = open_ingredients(files)
    held_out = HeldOut(found[0], str(data), batch_size=24)
    plain, again = uniform(found).state, uniform(found, finish=held_out.with_norms).state
    moved = {key for key, tensor in plain.items() if not torch.equal(tensor, again[key])}
    assert moved == {key for key in plain if "running_" in key}
    first, conv = "stem.unit.norm.running_mean", "stem.unit.conv.weight"
    pixels = torch.stack([torch.from_numpy(np.array(held_out._train.read(index))) for index in range(24)])
    maps = torch.nn.functional.conv2d(held_out._normalise(pixels), again[conv], stride=2, padding=1)
    torch.testing.assert_close(again[first], maps.mean((0, 2, 3)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model": "shufflenet_v2_x1_0"}, r"model \(cvp-shufflenet/shufflenet_v2_x0_5; .*_x1_0\)"),
        ({"classes": ("blue", "green")}, r"classes \(2 with red; 2 with green\)"),
        ({"preprocess": cvp_core.Preprocess((32, 32), 40)}, r"preprocessing \(resize 32; resize 40\)"),
    ],
)
def test_weights_that_have_no_average_are_refused_with_what_differs(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    files = [write(tmp_path / "a.safetensors", 1), write(tmp_path / "b.safetensors", 2, **change)]
    with pytest.raises(WeightsError, match=rf"a and .*b have no average: they differ in {message}"):
        open_ingredients(files)


def test_one_file_has_no_average_and_an_artifact_is_no_ingredient(tmp_path: Path) -> None:
    file = write(tmp_path / "a.safetensors", 1)
    with pytest.raises(WeightsError, match="two weights at least, given 1"):
        open_ingredients([file])
    (tmp_path / "net.cvp").mkdir()
    (tmp_path / "net.cvp" / "manifest.json").write_text("{}")
    with pytest.raises(WeightsError, match="is an artifact"):
        open_ingredients([file, tmp_path / "net.cvp"])


def test_other_tensors_under_the_same_header_are_refused(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2)]
    with safe_open(files[1], "pt") as opened:
        metadata = opened.metadata()
    state = load_file(files[1])
    save_file({key: tensor for key, tensor in state.items() if key != "head.classifier.bias"}, files[1], metadata)
    measures: list[Callable[[State], float] | None] = [None, lambda state: 0.5]
    for measure in measures:
        with pytest.raises(WeightsError, match="other tensors than the first"):
            uniform(open_ingredients(files), measure)
