"""Features are what the last layer weighs: with its weights they give the logits of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import cvp_core
from cvp_core import ImageClassifier
from cvp_core.blocks import PoolHead
from cvp_core.data.sources import ArraySet, FileSet
from cvp_core.embed import Embedder, Source, embed, open_embedder
from cvp_core.errors import WeightsError
from cvp_core.spec import Preprocess
from cvp_core.weights.format import load_model
from cvp_core.weights.header import Header

PLAIN = Preprocess((40, 40), 48)
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), dtype=np.uint8)


def embedder_of(model: ImageClassifier, preprocess: Preprocess = PLAIN) -> Embedder:
    classes = tuple(map(str, range(model.num_classes())))
    header = Header("net", "cvp-net", "1", classes, preprocess)
    return Embedder(model, header, Source("net.safetensors", "net", "0", "cvp-net/net", preprocess))


@pytest.mark.parametrize(
    "name", ["shufflenet_v2_x0_5", "lenet", "mobilenet_v3_small", "torchvision/shufflenet_v2_x0_5"]
)
def test_features_times_the_last_weights_are_the_logits(name: str) -> None:
    torch.manual_seed(0)
    size = None if name == "lenet" else (40, 40)
    model = cvp_core.create_model(name, num_classes=4, image_size=size).eval()
    assert model.identity is not None
    channels, *sides = model.identity.input_size
    preprocess = Preprocess((sides[0], sides[1]), None, mean=(0.5,) * channels, std=(0.5,) * channels)
    pixels = PIXELS[:, : sides[0], : sides[1], :channels]
    embedder = embedder_of(model, preprocess)
    features = embedder(pixels)
    assert features.shape == (5, embedder.width)
    assert features.dtype == np.float32
    layer = model.get_submodule(model.parts.classifiers[0])
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    logits = cvp_core.classifier.Classifier(embedder._run, embedder.header, "net").answer(pixels)
    np.testing.assert_allclose(features @ weight.T + bias, logits, rtol=1e-4, atol=1e-5)


def test_features_before_a_pool_head_are_the_means_of_the_last_maps() -> None:
    torch.manual_seed(0)
    model = ImageClassifier(nn.Conv2d(3, 6, 3), nn.Sequential(nn.Sequential(nn.ReLU())), PoolHead(6, 3, dropout=0.9))
    normalised = (PIXELS.transpose(0, 3, 1, 2) / 255 - np.array(PLAIN.mean)[:, None, None]) / np.array(PLAIN.std)[
        :, None, None
    ]
    with torch.inference_mode():
        maps = model.eval().forward_features(torch.from_numpy(normalised.astype(np.float32)))
    np.testing.assert_allclose(embedder_of(model)(PIXELS), maps.mean((2, 3)).numpy(), rtol=1e-4, atol=1e-5)


class EarlyHead(nn.Module):
    """A convolution as classifier, with the pooling behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Conv2d(6, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(x).mean((2, 3))


def test_a_convolution_as_classifier_gives_the_means_of_its_input() -> None:
    torch.manual_seed(0)
    head = EarlyHead()
    model = ImageClassifier(nn.Conv2d(3, 6, 3), nn.Sequential(nn.Sequential(nn.ReLU())), head)
    embedder = embedder_of(model)
    weight, bias = head.classifier.weight.detach().numpy()[:, :, 0, 0], head.classifier.bias.detach().numpy()
    logits = embedder._run(PIXELS)
    np.testing.assert_allclose(embedder(PIXELS) @ weight.T + bias, logits, rtol=1e-4, atol=1e-5)


def test_an_mlp_heads_hidden_layer_belongs_to_the_classifier() -> None:
    torch.manual_seed(0)
    model = ImageClassifier(nn.Conv2d(3, 6, 3), nn.Sequential(nn.Sequential(nn.ReLU())), PoolHead(6, 3))
    before = embedder_of(model)(PIXELS)
    model.reset_head(3, "mlp")
    np.testing.assert_allclose(embedder_of(model)(PIXELS), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_size", [2, 100])
def test_pictures_of_files_keep_their_order_and_unreadable_ones_are_told(
    checkpoint: Path, pictures: list[str], tmp_path: Path, batch_size: int
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    paths = [*pictures[:3], str(broken), *pictures[3:], str(tmp_path / "gone.png")]
    embedder = open_embedder(checkpoint)
    done: list[int] = []
    found = embed(embedder, [FileSet(paths, range(len(paths)))], batch_size=batch_size, progress=done.append)
    assert found.names == tuple(pictures)
    assert found.labels.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert found.unreadable == ((str(broken), "empty file (0 bytes)"), (str(tmp_path / "gone.png"), "no such file"))
    assert done[-1] == len(paths)
    for row, path in enumerate(pictures):
        alone = embed(embedder, [FileSet([path], [0])]).features[0]
        np.testing.assert_allclose(found.features[row], alone, rtol=1e-4, atol=1e-6)
        assert found.read(row).size == (60, 50 + row)


def test_sets_in_memory_are_joined(checkpoint: Path) -> None:
    first, second = ArraySet(PIXELS[:2], [0, 1], "train"), ArraySet(PIXELS[2:], [2, 0, 1], "test")
    found = embed(open_embedder(checkpoint), [first, second])
    assert found.names == ("train #0", "train #1", "test #0", "test #1", "test #2")
    assert found.labels.tolist() == [0, 1, 2, 0, 1]
    assert found.features.shape == (5, 1024)


def test_a_network_says_which_file_it_is_from(checkpoint: Path, tmp_path: Path) -> None:
    source = open_embedder("net", weights_dir=tmp_path / "weights").source
    assert (source.checkpoint, source.name) == (str(checkpoint), "net")
    assert source.model == "cvp-shufflenet/shufflenet_v2_x0_5"
    model, header = load_model(checkpoint)
    cvp_core.save(tmp_path / "weights/other.safetensors", model, classes=header.classes)
    assert open_embedder("other", weights_dir=tmp_path / "weights").source.digest != source.digest


def test_an_artifact_is_refused_with_the_weights_to_give_instead(tmp_path: Path) -> None:
    (tmp_path / "net.cvp").mkdir()
    (tmp_path / "net.cvp" / "manifest.json").write_text('{"backend": "eager", "job": {}, "files": {}}')
    with pytest.raises(WeightsError, match=r"net\.cvp/weights\.safetensors"):
        open_embedder(tmp_path / "net.cvp")
