"""The contact sheet: every class has its row, and what does not fit is said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cvp_core.data import ArraySet, DataSplits, FileSet
from cvp_core.data.contact_sheet import contact_sheet
from cvp_core.errors import ConfigError


def toy(classes: int, each: int = 3) -> DataSplits:
    labels = np.repeat(np.arange(classes), each)
    shades = (labels * 2 + 1).astype(np.uint8)
    pixels = np.broadcast_to(shades[:, None, None], (len(labels), 8, 8))
    names = tuple(f"class {n} 鸟 кошка" for n in range(classes))
    return DataSplits("toy", names, ArraySet(pixels, labels), None, None, "memory", synthetic=True)


def colours(page: Image.Image) -> set[int]:
    return {value for _, value in page.convert("L").getcolors()}


def test_every_class_is_on_the_page():
    page = contact_sheet(toy(5), columns=2, seed=0)
    assert page.mode == "RGB"
    assert colours(page) >= {1, 3, 5, 7, 9}


def test_a_hundred_classes_fit_on_one_page():
    page = contact_sheet(toy(100))
    assert colours(page) >= set(range(1, 201, 2))
    assert page.height < 6000


def test_rows_limit_the_classes_and_the_caption_says_so(monkeypatch):
    from cvp_core.data import contact_sheet as module

    texts = []
    draw = module.ImageDraw.ImageDraw.text
    monkeypatch.setattr(module.ImageDraw.ImageDraw, "text", lambda *a: (texts.append(a[2]), draw(*a)))
    contact_sheet(toy(7), rows=3)
    assert "21 pictures of 7 classes; the first 3 classes are shown" in texts
    assert "toy: memory (synthetic)" in texts
    assert len([text for text in texts if "鸟" in text]) == 3


def test_the_same_seed_gives_the_same_page():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    images = ArraySet(pixels, np.arange(40) % 2)
    pages = [contact_sheet(images, ["a", "b"], columns=3, seed=seed).tobytes() for seed in (1, 1, 2)]
    assert pages[0] == pages[1] != pages[2]


def test_a_picture_that_cannot_be_read_is_crossed_out(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"")
    page = contact_sheet(FileSet([tmp_path / "bad.jpg"], [0]), ["a"])
    assert (255, 0, 0) in {colour for _, colour in page.getcolors()}


def test_nonsense_is_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        contact_sheet(toy(2), columns=0)
    with pytest.raises(ConfigError, match="names of its classes"):
        contact_sheet(toy(2).train)
