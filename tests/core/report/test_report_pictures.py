"""The report's pictures: the worst mistakes, few and small, with the network's evidence over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from core.report.reading import EVIL, Reader, evaluated, facts, page, pictures

import cvp_core
from cvp_core.spec import Preprocess


def test_mistakes_are_pictures_with_guess_confidence_and_truth_the_most_confident_first(tmp_path: Path) -> None:
    given = facts()
    source = page(tmp_path, given)
    assert given.evaluation is not None
    assert given.images is not None
    evaluation = given.evaluation
    wrong = (evaluation.predictions != evaluation.labels).nonzero().flatten()
    worst = int(wrong[evaluation.confidences[wrong].argmax()])
    shown = Reader(source).text
    names = (given.classes[int(label[worst])] for label in (evaluation.predictions, evaluation.labels))
    guess, truth = names
    expected = f"{guess} {100 * evaluation.confidences[worst]:.0f} % is {truth} {given.images.name(worst)}"
    captions = shown[shown.index("then the truth.") :]
    assert captions[len("then the truth. ") :].startswith(expected)
    first = np.asarray(pictures(source)[0], dtype=float)
    assert abs(first - np.asarray(given.images.read(worst), dtype=float)).max() < 4


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What Grad-CAM was asked, its maps being hot in the upper right corner alone."""
    import cvp_core.explain

    kept: list[torch.Tensor] = []

    def grad_cam(model: object, images: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
        kept.extend((images, targets))
        maps = np.zeros((len(images), *images.shape[2:]), np.float32)
        maps[:, : images.shape[2] // 4, -images.shape[3] // 4 :] = 1
        return maps

    monkeypatch.setattr(cvp_core.explain, "grad_cam", grad_cam, raising=False)
    return kept


def with_model(side: int) -> dict[str, object]:
    model = cvp_core.create_model("oneconv", num_classes=4, image_size=(side, side))
    return {"model": model, "preprocess": Preprocess((side, side), side)}


def test_pictures_are_few_and_small(tmp_path: Path, asked: list[torch.Tensor]) -> None:
    given = facts(side=600, samples=64, evaluation=evaluated(4, 64, 0.2), **with_model(300))
    found = pictures(page(tmp_path, given))
    assert len(found) == 24
    assert max(max(picture.size) for picture in found) <= 224


def test_grad_cam_lies_over_the_pictures(tmp_path: Path, asked: list[torch.Tensor]) -> None:
    given = facts(**with_model(32))
    found = pictures(page(tmp_path, given))
    images, targets = asked
    assert images.shape == (3, 3, 32, 32)
    assert targets.shape == (3,)
    plain, hot = (np.asarray(picture, dtype=float) for picture in found[-2:])
    warmth = hot[..., 0] - hot[..., 2]
    assert warmth[:6, -6:].mean() > 60
    assert abs(warmth[16:]).mean() < 4  # grey
    assert abs(warmth[:, :16]).mean() < 4
    assert plain.shape == hot.shape


def test_where_grad_cam_fails_the_reason_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cvp_core.explain

    def fails(*arguments: object) -> np.ndarray:
        raise RuntimeError(f"no feature map {EVIL}")

    monkeypatch.setattr(cvp_core.explain, "grad_cam", fails, raising=False)
    source = page(tmp_path, facts(**with_model(32)))
    assert EVIL not in source
    assert f"Left out: no feature map {EVIL}" in Reader(source).text
