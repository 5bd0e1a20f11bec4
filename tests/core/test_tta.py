"""Test-time augmentation equals what one would average by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

import cvp_core
from cvp_core.classifier import Classifier
from cvp_core.data.preprocess import resize_and_crop
from cvp_core.data.sources import ArraySet
from cvp_core.errors import ConfigError
from cvp_core.evaluate import evaluate
from cvp_core.spec import Preprocess
from cvp_core.tta import VIEWS, wide_preprocess, with_views

CLASSES = ("a", "b", "c")
GENERATOR = np.random.default_rng(0)


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    torch.manual_seed(0)
    model = cvp_core.create_model("squeezenet1_1", num_classes=3)
    cvp_core.save(tmp_path / "net.safetensors", model, classes=CLASSES, preprocess=Preprocess((40, 40), 48))
    return cvp_core.load(tmp_path / "net.safetensors")


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(GENERATOR.integers(0, 256, (height, width, 3), dtype=np.uint8))


def shares(classifier: Classifier, images: list[Image.Image]) -> np.ndarray:
    """Probabilities (N, classes), in the order of the classes."""
    answers = classifier.predict(images, top_k=3)
    return np.array(
        [[{g.label: g.probability for g in answer.guesses}[name] for name in CLASSES] for answer in answers]
    )


def test_flips_are_the_mean_of_a_picture_and_its_mirror_image(classifier: Classifier) -> None:
    pictures = [noise(48, 48), noise(60, 48), noise(48, 70)]
    mirrored = [picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in pictures]
    plain, other = shares(classifier, pictures), shares(classifier, mirrored)
    assert np.abs(plain - other).max() > 1e-4
    np.testing.assert_allclose(shares(with_views(classifier, "flips"), pictures), (plain + other) / 2, atol=1e-6)


def test_crops_are_the_ten_of_torchvision(classifier: Classifier) -> None:
    picture = noise(64, 90)
    square = resize_and_crop(picture, Preprocess((48, 48), 48))
    crops = v2.TenCrop(40)(Image.fromarray(square))
    exact = Classifier(classifier.answer, classifier.header, "exact")
    exact.preprocess = Preprocess((40, 40), 40)
    expected = shares(exact, list(crops)).mean(axis=0)
    np.testing.assert_allclose(shares(with_views(classifier, "crops"), [picture])[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", sorted(VIEWS))
def test_evaluation_and_prediction_see_the_same(classifier: Classifier, kind: str) -> None:
    pixels = GENERATOR.integers(0, 256, (9, 52, 61, 3), dtype=np.uint8)
    seen = with_views(classifier, kind)
    expected = shares(seen, [Image.fromarray(one) for one in pixels])
    labels = np.arange(9) % 3
    result = evaluate(seen, ArraySet(pixels, labels), CLASSES, batch_size=4)
    assert result.predictions.tolist() == expected.argmax(1).tolist()
    np.testing.assert_allclose(result.confidences, expected.max(1), atol=1e-6)
    assert result.loss == pytest.approx(-np.log(expected[np.arange(9), labels]).mean(), abs=1e-5)


def test_a_symmetric_picture_has_the_same_answer_with_flips(classifier: Classifier) -> None:
    half = GENERATOR.integers(0, 256, (48, 24, 3), dtype=np.uint8)
    picture = [Image.fromarray(np.concatenate([half, half[:, ::-1]], axis=1))]
    np.testing.assert_allclose(
        shares(with_views(classifier, "flips"), picture), shares(classifier, picture), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    "size, resize, wide, wide_resize",
    [
        ((224, 224), 256, (256, 256), 256),
        ((224, 224), 236, (236, 236), 236),
        ((224, 224), 224, (256, 256), 256),
        ((28, 28), None, (32, 32), None),
        ((32, 64), None, (37, 73), None),
    ],
)
def test_crops_are_taken_from_what_the_preprocessing_leaves_around_its_own(
    size: tuple[int, int], resize: int | None, wide: tuple[int, int], wide_resize: int | None
) -> None:
    found = wide_preprocess(Preprocess(size, resize))
    assert (found.size, found.resize) == (wide, wide_resize)


def test_batches_of_any_size_are_answered_and_impossible_classes_stay_finite() -> None:
    header = cvp_core.classifier.Header("m", "d", "1", ("a", "b"), Preprocess((4, 4), 4))
    seen = with_views(Classifier(lambda pixels: np.array([[900.0, -900.0]] * len(pixels)), header, "sure"), "crops")
    for count in (1, 3):
        logits = seen.answer(np.zeros((count, 5, 5, 3), np.uint8))
        assert logits.shape == (count, 2)
        assert np.isfinite(logits).all()
    assert seen.preprocess != header.preprocess


def test_other_views_are_refused(classifier: Classifier) -> None:
    with pytest.raises(ConfigError, match="'turns' are not one of flips, crops"):
        with_views(classifier, "turns")
