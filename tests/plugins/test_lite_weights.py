"""EfficientNet-Lite0's real ImageNet weights, from the pip package that carries them, on real photographs."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.linear_model import LogisticRegression

import cvp_core
from cvp_cli.main import main
from cvp_core.data import ImageSet, open_data
from cvp_core.data.preprocess import apply
from cvp_core.train import plan, train
from cvp_core.weights.foreign import read_tensors
from cvp_core.weights.header import read_header
from cvp_core.weights.locate import carried_file
from cvp_core.weights.store import find_trained

LITE0 = "efficientnet_lite0"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Scikit-learn's two: a Chinese summer palace, and a dahlia."""
    folder = tmp_path_factory.mktemp("photographs")
    found = load_sample_images()
    for name, pixels in zip(found.filenames, found.images, strict=True):
        Image.fromarray(pixels).save(folder / f"{Path(name).stem}.png")
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture
def published() -> cvp_core.WeightsSpec:
    weights = cvp_core.get_spec(LITE0).weights[0]
    assert weights.url.startswith("pypi:")
    return weights


def test_logits_are_timms_with_the_same_tensors(published: cvp_core.WeightsSpec, photographs: dict[str, Path]) -> None:
    state = read_tensors(carried_file(published))
    theirs = timm.create_model("tf_efficientnet_lite0").eval()
    # Both list their layers from input to output, so that no table of names is needed.
    theirs.load_state_dict(dict(zip(theirs.state_dict(), state.values(), strict=True)))
    header = read_header(find_trained(LITE0))
    ours = cvp_core.create_model(LITE0, weights="pretrained").eval()
    pixels = [apply(Image.open(path), header.preprocess) for path in photographs.values()]
    with torch.inference_mode():
        images = torch.from_numpy(np.stack(pixels))
        expected = theirs(images)
        torch.testing.assert_close(ours(images), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_predict_names_imagenets_classes_in_words(
    photographs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", LITE0, str(photographs["china"]), "--top-k", "3", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert {"palace", "monastery", "boathouse", "stupa"} & {guess["label"] for guess in answer["predictions"]}


def test_what_is_known_of_the_weights_is_in_the_file() -> None:
    header = read_header(find_trained(LITE0))
    config = timm.get_pretrained_cfg("tf_efficientnet_lite0")
    assert header.preprocess.size == config.input_size[1:]
    assert (header.preprocess.mean, header.preprocess.interpolation) == (config.mean, config.interpolation)
    assert (header.classes[0], header.classes[-1]) == ("tench", "toilet tissue")
    assert header.training["sha256"] == "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def test_without_the_package_the_command_that_brings_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], photographs: dict[str, Path]
) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path))
    real = importlib.metadata.distribution

    def without(name: str) -> importlib.metadata.Distribution:
        if name.startswith("efficientnet-lite0"):
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr("cvp_core.weights.locate.distribution", without)
    assert main(["predict", LITE0, str(photographs["china"])]) == 2
    assert "pip install 'cvp-efficientnet[lite0]'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def few_birds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """150 pictures to train on and 100 to be measured on, in folders."""
    folder = tmp_path_factory.mktemp("few") / "birds"
    birds = open_data("birds")
    for label, name in enumerate(birds.classes):
        of_class = np.flatnonzero(birds.train.labels == label)
        for split, chosen in (("train", of_class[: 38 - label // 2]), ("val", of_class[100:125])):
            (folder / split / name).mkdir(parents=True)
            for index in chosen:
                (folder / split / name / f"{index}.png").symlink_to(birds.train.path(index))
    return folder


def test_a_head_on_frozen_features_is_as_good_as_logistic_regression(few_birds: Path, tmp_path: Path) -> None:
    given = {"model": LITE0, "data": str(few_birds), "weights": "pretrained", "freeze": "backbone", "epochs": 30}
    settings = {"image_size": 128, "precision": "float32", "augment": "none"}
    resolved = plan({**given, **settings}, runs_dir=tmp_path / "runs")
    splits, model = resolved.splits, resolved.model
    assert len(splits.train) == 150
    assert splits.val is not None

    def features(images: ImageSet) -> np.ndarray:
        pixels = torch.from_numpy(
            np.stack([apply(image, resolved.preprocess) for image in map(images.read, range(len(images)))])
        )
        with torch.inference_mode():
            return np.concatenate([model.eval().forward_features(some).mean((2, 3)) for some in pixels.split(25)])

    peer = LogisticRegression(max_iter=2000).fit(features(splits.train), splits.train.labels)
    expected = peer.score(features(splits.val), splits.val.labels)
    result = train(resolved)
    assert result.top1 == pytest.approx(expected, abs=0.02)
