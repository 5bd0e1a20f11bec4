"""A training run: what it resolves, that it learns, that it repeats, and what it leaves when it is stopped."""

from __future__ import annotations

import csv
import math
import os
import signal
import threading
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvp_core
from cvp_core.data import ArraySet, DataSplits
from cvp_core.data.loading import make_loader
from cvp_core.errors import ConfigError, DataError, OutputError, TrainingError
from cvp_core.spec import Preprocess
from cvp_core.train import Callback, TrainConfig, TrainResult, plan, resolve_config, train
from cvp_core.train.events import EpochResult, Progress
from cvp_core.train.optim import make_optimizer
from cvp_core.train.preparing import preprocess_of

SIDE = 12


@pytest.fixture
def stripes(tmp_path: Path) -> Path:
    """Two classes that a linear layer cannot tell by brightness: vertical and horizontal stripes."""
    generator = np.random.default_rng(0)
    for name in ("across", "down"):
        (tmp_path / "stripes" / name).mkdir(parents=True)
        for index in range(40):
            wave = np.sin(np.arange(SIDE) * 1.5 + generator.uniform(0, 6)) * 100 + 128
            pixels = np.tile(wave, (SIDE, 1)) if name == "down" else np.tile(wave, (SIDE, 1)).T
            pixels = pixels + generator.normal(0, 10, pixels.shape)
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB")
            image.save(tmp_path / "stripes" / name / f"{index}.png")
    return tmp_path / "stripes"


def settings(data: Path, **changes: object) -> dict[str, object]:
    given = {"model": "oneconv", "data": str(data), "epochs": 4, "batch_size": 8, "image_size": SIDE, "crop": 1.0}
    return {**given, "augment": "none", "learning_rate": 5e-3, **changes}


def run(data: Path, tmp_path: Path, *callbacks: Callback, **changes: object) -> TrainResult:
    return train(plan(settings(data, **changes), runs_dir=tmp_path / "runs"), callbacks)


def test_a_run_learns_and_leaves_weights_plots_metrics_and_config(stripes: Path, tmp_path: Path) -> None:
    result = run(stripes, tmp_path)
    assert result.top1 is not None
    assert result.top1 >= 0.9
    assert {path.name for path in result.run.iterdir()} >= {
        "config.toml", "metrics.csv", "curves.png", "confusion.png", "best.safetensors",
    }  # fmt: skip
    rows = list(csv.DictReader((result.run / "metrics.csv").open()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert max(float(row["val_accuracy"]) for row in rows) == pytest.approx(result.top1, abs=1e-5)
    config = tomllib.loads((result.run / "config.toml").read_text())
    assert resolve_config(config) == resolve_config(settings(stripes))
    for name in ("curves.png", "confusion.png"):
        assert Image.open(result.run / name).size > (300, 300)


def test_the_published_weights_are_those_of_the_best_epoch(stripes: Path, tmp_path: Path) -> None:
    result = run(stripes, tmp_path)
    assert result.weights == tmp_path / "weights" / "oneconv-stripes.safetensors"
    assert result.weights.read_bytes() == (result.run / "best.safetensors").read_bytes()
    classifier = cvp_core.load("oneconv-stripes")
    assert classifier.classes == ("across", "down")
    from cvp_core.data import open_data
    from cvp_core.evaluate import evaluate, pick_split

    name, images = pick_split(open_data(stripes), "auto", seed=0, val_fraction=0.2)
    assert (name, len(images)) == ("val", 16)
    assert evaluate(classifier, images, ("across", "down")).top1 == pytest.approx(result.top1)


def test_the_same_seed_gives_the_same_weights_with_and_without_workers(stripes: Path, tmp_path: Path) -> None:
    states = []
    for seed, workers in ((0, 0), (0, 2), (1, 0)):
        result = run(stripes, tmp_path, seed=seed, workers=workers, epochs=2, augment="light")
        assert result.weights is not None
        states.append(result.weights.read_bytes())
    assert states[0] == states[1]
    assert states[0] != states[2]


def test_what_is_given_stands_over_the_recipe_and_the_recipe_over_defaults() -> None:
    config = resolve_config({"model": "m", "data": "d", "epochs": 3, "seed": None}, {"epochs": 9, "batch_size": 64})
    assert (config.epochs, config.batch_size, config.seed) == (3, 64, TrainConfig("m", "d").seed)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"epochs": 0}, "epochs is 0; allowed is at least 1"),
        ({"epochs": "many"}, "epochs is 'many'; expected int"),
        ({"learning_rate": -1.0}, "learning_rate is -1"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"optimizer": "adan"}, "optimizer is 'adan'; allowed are adamw, adam, sgd, lion"),
        ({"freeze": "stage:0"}, "freeze is 'stage:0'; allowed are none, backbone and stage:N"),
        ({"unfreeze_at": 2}, "unfreeze_at needs something frozen"),
        ({"lerning_rate": 1.0}, "did you mean 'learning_rate'"),
        ({"val_fraction": 1.5}, "val_fraction is 1.5; allowed is from 0.001 to 0.9"),
        ({"mean": [0.5]}, "mean and std belong together"),
    ],
)
def test_a_wrong_setting_is_told_with_what_is_allowed(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        resolve_config({"model": "m", "data": "d", **change})


def test_norms_and_biases_are_not_decayed() -> None:
    model = cvp_core.create_model("densenet_40_12")
    optimizer = make_optimizer(model, TrainConfig("m", "d", weight_decay=0.1))
    by_decay = {group["weight_decay"]: group["params"] for group in optimizer.param_groups}
    assert all(parameter.ndim > 1 for parameter in by_decay[0.1])
    assert all(parameter.ndim == 1 for parameter in by_decay[0.0])
    assert sum(len(group) for group in by_decay.values()) == len(list(model.parameters()))


def test_channels_and_size_come_from_the_data(tmp_path: Path) -> None:
    grey = DataSplits(
        "grey",
        ("a", "b"),
        ArraySet(np.zeros((10, 20, 24), np.uint8), [0, 1] * 5),
        None,
        None,
        "here",
        False,
        (1, 20, 24),
    )
    spec = cvp_core.get_spec("lenet")
    made = preprocess_of(TrainConfig("lenet", "grey"), spec, grey, None)
    assert (made.channels, made.size, made.resize) == (1, (20, 24), None)
    densenet = preprocess_of(TrainConfig("densenet121", "grey"), cvp_core.get_spec("densenet121"), grey, None)
    assert densenet.size == (29, 29)  # the smallest that DenseNet takes


def test_a_loss_that_is_not_finite_ends_the_run_in_one_line(stripes: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"loss became .* in epoch 1"):
        run(stripes, tmp_path, learning_rate=1e30, optimizer="sgd")
    assert not list((tmp_path / "weights").glob("*"))


class StopIn(Callback):
    """Sends SIGINT to the process in the given epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.was_told = False

    def on_progress(self, progress: Progress) -> None:
        if progress.epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    def on_stopping(self) -> None:
        self.was_told = True


def test_an_interrupt_keeps_the_best_weights_in_the_run_and_leaves_the_store_alone(
    stripes: Path, tmp_path: Path
) -> None:
    first = run(stripes, tmp_path)
    assert first.weights is not None
    published = first.weights.read_bytes()
    stopper = StopIn(2)
    handler = signal.getsignal(signal.SIGINT)
    result = run(stripes, tmp_path, stopper, seed=3)
    assert result.was_interrupted
    assert stopper.was_told
    assert result.epochs == 1
    assert result.weights == result.run / "best.safetensors"
    assert cvp_core.load(result.run).classes == ("across", "down")
    assert first.weights.read_bytes() == published
    assert signal.getsignal(signal.SIGINT) is handler


def test_training_works_outside_the_main_thread(stripes: Path, tmp_path: Path) -> None:
    results: list[TrainResult] = []
    thread = threading.Thread(target=lambda: results.append(run(stripes, tmp_path, epochs=1)))
    thread.start()
    thread.join()
    assert results[0].epochs == 1


def test_a_callback_that_raises_is_left_out_and_named(stripes: Path, tmp_path: Path) -> None:
    class Broken(Callback):
        def on_epoch(self, result: EpochResult) -> None:
            raise ValueError("no tracker server")

    result = run(stripes, tmp_path, Broken(), epochs=2)
    assert result.epochs == 2
    assert result.notes == ("Broken was left out after ValueError: no tracker server",)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_cannot_be_read_is_named_and_nothing_is_published(
    stripes: Path, tmp_path: Path, workers: int
) -> None:
    (stripes / "down" / "7.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"down/7\.png: not a picture"):
        run(stripes, tmp_path, workers=workers, batch_size=4, val_fraction=0.1)
    assert not list((tmp_path / "weights").glob("*"))


def test_an_unwritable_output_folder_is_told_before_training(stripes: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        plan(settings(stripes), runs_dir=tmp_path / "file" / "runs")
    with pytest.raises(OutputError, match="cannot write"):
        plan(settings(stripes), runs_dir=tmp_path / "runs", store=tmp_path / "file" / "store")


def test_batches_do_not_depend_on_workers_and_cover_each_picture_once(stripes: Path) -> None:
    from cvp_core.data import open_folder

    images = open_folder(stripes).train
    preprocess = Preprocess((SIDE, SIDE), SIDE)
    make = {"is_training": True, "augment": "light", "seed": 5}
    alone = make_loader(images, preprocess, 16, **make)
    helped = make_loader(images, preprocess, 16, workers=2, **make)
    for epoch in (0, 1):
        pairs = list(zip(alone.epoch(epoch), helped.epoch(epoch), strict=True))
        assert all(torch.equal(a, b) for one, two in pairs for a, b in zip(one, two, strict=True))
    assert not torch.equal(next(alone.epoch(0))[0], next(alone.epoch(1))[0])
    plain = make_loader(images, preprocess, 16)
    assert sum(len(labels) for _, labels in plain.epoch(0)) == len(images) == plain.samples


def test_shifted_small_pictures_are_the_same_for_a_sample_in_any_batch() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 8, 8, 3), dtype=np.uint8)
    images = ArraySet(pixels, np.arange(50))
    preprocess = Preprocess((8, 8), None)

    def epoch(batch_size: int) -> dict[int, torch.Tensor]:
        loader = make_loader(images, preprocess, batch_size, is_training=True, augment="shift", seed=1)
        return {int(label): image for batch in loader.epoch(3) for image, label in zip(*batch, strict=True)}

    small, large = epoch(5), epoch(25)
    assert small.keys() == large.keys() == set(range(50))
    assert all(torch.equal(small[key], large[key]) for key in small)
    moved = [key for key in small if not np.array_equal(small[key].numpy(), pixels[key])]
    assert len(moved) > 40


def test_normalised_batches_equal_the_evaluation_preprocessing() -> None:
    from cvp_core.data.loading import Normalise
    from cvp_core.data.preprocess import normalise

    pixels = np.random.default_rng(0).integers(0, 256, (2, 9, 7, 3), dtype=np.uint8)
    ours = Normalise(Preprocess((9, 7), None), "cpu")(torch.from_numpy(pixels))
    assert ours.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(ours.numpy(), normalise(pixels, Preprocess((9, 7), None)), rtol=0, atol=1e-6)


def test_a_plan_says_that_the_split_was_drawn(stripes: Path, tmp_path: Path) -> None:
    drawn = plan(settings(stripes), runs_dir=tmp_path / "runs")
    assert drawn.has_drawn_split
    assert drawn.splits.val is not None
    assert (len(drawn.splits.train), len(drawn.splits.val)) == (64, 16)
    assert replace(drawn.config, epochs=1).epochs == 1
