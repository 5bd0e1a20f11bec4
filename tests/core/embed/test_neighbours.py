"""Pictures that are alike: found by their row or computed, and never with another network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cvp_core
from cvp_core.data.sources import FileSet
from cvp_core.embed import FeatureTable, Selection, embed, embedder_of, neighbour_page, open_embedder, similar
from cvp_core.embed.compute import Embedder
from cvp_core.errors import DataError, WeightsError
from cvp_core.weights.format import load_model


def table_of(checkpoint: Path, paths: list[str]) -> FeatureTable:
    embedder = open_embedder(checkpoint)
    found = embed(embedder, [FileSet(paths, [0] * len(paths))])
    return FeatureTable(found.features, found.names, embedder.source)


def never() -> Embedder:
    raise AssertionError("nothing has to be computed")


def test_a_copy_of_a_picture_finds_it_and_a_picture_in_the_table_is_not_its_own_neighbour(
    checkpoint: Path, pictures: list[str], tmp_path: Path
) -> None:
    table = table_of(checkpoint, pictures)
    copy = tmp_path / "copy.png"
    copy.write_bytes(Path(pictures[4]).read_bytes())
    (found,) = similar(table, [str(copy)], 3, lambda: embedder_of(table, None))
    assert found.neighbours[0].path == pictures[4]
    assert found.neighbours[0].similarity == pytest.approx(1, abs=1e-5)
    assert len(found.neighbours) == 3
    (known,) = similar(table, [pictures[4]], 3, never)
    assert known.row == 4
    assert pictures[4] not in [one.path for one in known.neighbours]
    assert [one.path for one in known.neighbours[:2]] == [one.path for one in found.neighbours[1:]]


def test_all_others_are_found_in_the_order_of_a_brute_force(checkpoint: Path, pictures: list[str]) -> None:
    table = table_of(checkpoint, pictures)
    rows = table.features.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for row, found in enumerate(similar(table, pictures, 100, never)):
        expected = [index for index in np.argsort(-(rows @ rows[row])) if index != row]
        assert [one.row for one in found.neighbours] == expected


def test_an_unreadable_picture_has_its_reason_and_the_others_their_neighbours(
    checkpoint: Path, pictures: list[str], tmp_path: Path
) -> None:
    table = table_of(checkpoint, pictures)
    gone = str(tmp_path / "gone.png")
    first, second = similar(table, [gone, pictures[0]], 2, lambda: embedder_of(table, None))
    assert (first.error, first.neighbours) == ("no such file", ())
    assert second.error is None
    assert first.to_json() == {"path": gone, "neighbours": [], "error": "no such file"}
    empty = FeatureTable(table.features[:0], (), table.source)
    with pytest.raises(DataError, match="no pictures"):
        similar(empty, [gone], 2, never)


def test_another_network_is_refused(checkpoint: Path, pictures: list[str], tmp_path: Path) -> None:
    table = table_of(checkpoint, pictures)
    model, header = load_model(checkpoint)
    other = checkpoint.with_name("other.safetensors")
    cvp_core.save(other, model, classes=header.classes, preprocess=cvp_core.Preprocess((40, 40), 64))
    with pytest.raises(WeightsError, match=f"are those of net .*, but {other} is another file"):
        embedder_of(table, str(other))
    checkpoint.write_bytes(other.read_bytes())
    with pytest.raises(WeightsError, match="another file"):
        embedder_of(table, None)


def test_the_network_is_found_again_by_its_name_or_where_one_says(
    checkpoint: Path, pictures: list[str], tmp_path: Path
) -> None:
    table = table_of(checkpoint, pictures)
    moved = tmp_path / "elsewhere" / "net.safetensors"
    moved.parent.mkdir()
    checkpoint.rename(moved)
    with pytest.raises(WeightsError, match=r"those of net .* not here .* --checkpoint FILE"):
        embedder_of(table, None)
    assert embedder_of(table, str(moved)).source.digest == table.source.digest
    assert embedder_of(table, None, weights_dir=str(moved.parent)).source.checkpoint == str(moved)


def test_the_page_shows_each_picture_and_its_neighbours(checkpoint: Path, tmp_path: Path) -> None:
    paths = []
    for name, colour in (("red", (250, 0, 0)), ("green", (0, 250, 0)), ("blue", (0, 0, 250))):
        paths.append(str(tmp_path / f"{name}.png"))
        Image.new("RGB", (80, 80), colour).save(paths[-1])
    table = table_of(checkpoint, paths)
    page = neighbour_page(similar(table, paths, 2, never), table, "title")
    colours = [colour for _, colour in sorted(page.getcolors(1 << 20), reverse=True)[1:4]]
    assert sorted(colours) == [(0, 0, 250), (0, 250, 0), (250, 0, 0)]
    Path(paths[0]).unlink()
    without = neighbour_page(similar(table, paths, 2, never), table, "title")
    assert (250, 0, 0) not in [colour for _, colour in without.getcolors(1 << 20)]


def test_pictures_of_a_data_set_in_memory_are_shown_too(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvp_core import data
    from cvp_core.data.sources import ArraySet, DataSplits

    pixels = np.zeros((3, 40, 40, 3), np.uint8)
    pixels[0, ..., 0] = pixels[1, ..., 1] = pixels[2, ..., 2] = 250
    splits = DataSplits("boxes", ("a",), ArraySet(pixels, [0, 0, 0], "boxes"), None, None, "memory")
    monkeypatch.setattr(data, "open_data", lambda name, val_data=None: splits, raising=False)
    embedder = open_embedder(checkpoint)
    found = embed(embedder, [splits.train])
    table = FeatureTable(found.features, found.names, embedder.source, found.labels, ("a",), Selection("boxes", "all"))
    page = neighbour_page(similar(table, ["boxes #1"], 2, never), table, "title")
    shown = {colour for _, colour in page.getcolors(1 << 20)}
    assert {(250, 0, 0), (0, 250, 0), (0, 0, 250)} <= shown
