"""The painted sample: the same pictures every time, varied, and not to be told apart by colour alone."""

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_core.data.birds import CLASSES, paint, sample, write_sample

PER_CLASS = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("birds")
    write_sample(root, PER_CLASS)
    return root


@pytest.fixture(scope="module")
def pictures(folder) -> np.ndarray:
    """All pictures (classes * per class, 128, 128, 3), class after class."""
    return np.stack([np.asarray(Image.open(path)) for name in CLASSES for path in sorted((folder / name).iterdir())])


def as_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=sample.JPEG_QUALITY)
    return buffer.getvalue()


def test_the_four_species_are_in_alphabetical_order():
    assert CLASSES == ("Bananaquit", "Black Skimmer", "Black-throated Bushtit", "Cockatoo")


@pytest.mark.parametrize("label", range(len(CLASSES)))
def test_a_picture_depends_on_its_arguments_alone(label):
    first = paint(label, 3)
    paint(label, 4)
    assert paint(label, 3).tobytes() == first.tobytes()
    assert paint(label, 3, seed=1).tobytes() != first.tobytes()


def test_the_size_is_honoured_and_keeps_the_composition():
    """The same scene at two sizes: close once the larger is reduced, but for the sensor's noise."""
    small, large = paint(3, 0, size=64), paint(3, 0, size=256)
    assert (small.size, large.size, large.mode) == ((64, 64), (256, 256), "RGB")
    difference = np.asarray(small.resize((16, 16), Image.Resampling.BOX), dtype=float) - np.asarray(
        large.resize((16, 16), Image.Resampling.BOX), dtype=float
    )
    assert np.abs(difference).mean() < 12


def test_the_sample_has_one_folder_a_class_and_numbered_pictures(folder):
    assert sorted(path.name for path in folder.iterdir()) == list(CLASSES)
    for name in CLASSES:
        names = sorted(path.name for path in (folder / name).iterdir())
        assert names == [f"{index:04d}.jpg" for index in range(PER_CLASS)]


def test_written_pictures_are_the_painted_ones(folder):
    for label, name in enumerate(CLASSES):
        for index in (0, 1, PER_CLASS - 1):
            assert (folder / name / f"{index:04d}.jpg").read_bytes() == as_jpeg(paint(label, index))


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_number_of_processes_does_not_matter(processes, folder, tmp_path):
    write_sample(tmp_path, per_class=4, processes=processes)
    for name in CLASSES:
        for path in (tmp_path / name).iterdir():
            assert path.read_bytes() == (folder / name / path.name).read_bytes()
    assert len(list(tmp_path.rglob("*.jpg"))) == 4 * len(CLASSES)


@pytest.mark.parametrize("command", ["/does/not/exist", "false"])
def test_helpers_that_cannot_start_or_fail_leave_nothing_undone(command, tmp_path, monkeypatch):
    monkeypatch.setattr(sample.sys, "executable", command)
    write_sample(tmp_path, per_class=2, processes=2)
    assert len(list(tmp_path.rglob("*.jpg"))) == 2 * len(CLASSES)


def test_a_helper_that_hangs_is_stopped():
    helper = subprocess.Popen(["sleep", "60"])
    assert not sample._has_finished(helper, patience_s=0.01)
    assert helper.poll() is not None


def test_light_and_background_vary_within_every_species(pictures):
    by_class = pictures.reshape(len(CLASSES), PER_CLASS, 128, 128, 3).astype(float) / 255
    brightness = by_class.mean(axis=(2, 3, 4))
    corners = np.concatenate([by_class[:, :, :12, :12], by_class[:, :, :12, -12:]], axis=2).mean(axis=(2, 3))
    assert (brightness.std(axis=1) > 0.08).all()
    assert (corners.std(axis=1) > 0.10).all(), "each channel of the background varies"
    # The background must not give the species away: class means differ by less than half the spread.
    assert np.ptp(corners.mean(axis=1), axis=0).max() < 0.5 * corners.std(axis=1).mean()


def test_thumbnails_do_not_separate_the_species(pictures):
    """Multinomial logistic regression on 8 x 8 x 3 thumbnails stays under 75 %, whatever the penalty.

    Shape and the layout of the marks must decide; colour and position alone must not.
    """
    thumbnails = pictures.reshape(-1, 8, 16, 8, 16, 3).mean(axis=(2, 4)).reshape(len(pictures), -1)
    accuracies = []
    for seed in range(2):
        order = np.random.default_rng(seed).permuted(np.tile(np.arange(PER_CLASS), (len(CLASSES), 1)), axis=1)
        order += PER_CLASS * np.arange(len(CLASSES))[:, None]
        cut = PER_CLASS * 4 // 5
        train, validation = order[:, :cut].ravel(), order[:, cut:].ravel()
        mean, spread = thumbnails[train].mean(axis=0), thumbnails[train].std(axis=0)
        features = (thumbnails - mean) / spread
        features = np.concatenate([features, np.ones((len(features), 1))], axis=1)
        labels = np.arange(len(pictures)) // PER_CLASS
        for penalty in (1e-3, 1e-2, 3e-2, 1e-1, 3e-1):
            weights = fit_logistic(features[train], labels[train], penalty)
            accuracies.append(((features[validation] @ weights).argmax(axis=1) == labels[validation]).mean())
    assert 0.30 < max(accuracies) < 0.75


def fit_logistic(features: np.ndarray, labels: np.ndarray, penalty: float) -> np.ndarray:
    """Weights (features, classes) of least cross-entropy + penalty / 2 * |weights|^2, the bias left free.

    Accelerated gradient descent; the step is one over the curvature's bound.
    """
    targets = np.eye(len(CLASSES))[labels]
    penalties = np.full((features.shape[1], 1), penalty)
    penalties[-1] = 0.0
    curvature = 0.5 * np.linalg.eigvalsh(features.T @ features / len(features))[-1] + penalty
    weights = ahead = np.zeros((features.shape[1], len(CLASSES)))
    for step in range(300):
        scores = features @ ahead
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        residual = odds / odds.sum(axis=1, keepdims=True) - targets
        gradient = features.T @ residual / len(features) + penalties * ahead
        previous, weights = weights, ahead - gradient / curvature
        ahead = weights + step / (step + 3) * (weights - previous)
    return weights
