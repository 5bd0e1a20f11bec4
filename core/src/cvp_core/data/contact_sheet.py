"""A labelled grid of a few pictures of each class: what a data set looks like, on one page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from ..errors import ConfigError, DataError
from ..lettering import fitted, page_font
from .sources import DataSplits, ImageSet

__all__ = ["contact_sheet"]

_MARGIN = 8
_LINE = 20  # pixels of height for a line of text
_TEXT = 13
_LABEL_WIDTH = 200


def contact_sheet(
    data: DataSplits | ImageSet,
    classes: Sequence[str] | None = None,
    *,
    rows: int = 100,
    columns: int = 8,
    seed: int = 0,
) -> Image.Image:
    """An RGB page: a row for each class, its name at the left, `columns` of its pictures drawn by `seed`.

    data: a set with its `classes`, or splits, of which train is shown. More than `rows` classes are cut, and
    the caption says so; a script that the font lacks (Chinese) shows as boxes beside the class's number.
    A picture that cannot be read is a crossed-out tile. Raises ConfigError unless rows
    and columns are at least 1, and where a set is given without classes.
    """
    if isinstance(data, DataSplits):
        images, names = data.train, tuple(classes or data.classes)
        title = f"{data.name}: {data.location}" + (" (synthetic)" if data.synthetic else "")
    elif classes is None:
        raise ConfigError("a contact sheet of a single set needs the names of its classes")
    else:
        images, names, title = data, tuple(classes), ""
    if rows < 1 or columns < 1:
        raise ConfigError(f"{rows} rows and {columns} columns given; both must be at least 1")
    shown = min(rows, len(names))
    tile = 96 if shown <= 20 else 48
    captions = [title] if title else []
    captions.append(_caption(len(images), len(names), shown))
    top = _MARGIN + _LINE * len(captions)
    page = Image.new("RGB", (_width(columns, tile), top + shown * (tile + 4) + _MARGIN), "white")
    draw = ImageDraw.Draw(page)
    font = page_font()
    for line, text in enumerate(captions):
        draw.text((_MARGIN, _MARGIN + line * _LINE), fitted(text, font, page.width - 2 * _MARGIN), "black", font)
    generator = np.random.default_rng(seed)
    for row in range(shown):
        y = top + row * (tile + 4)
        members = np.flatnonzero(images.labels == row)
        text = fitted(names[row], font, _LABEL_WIDTH - _MARGIN)
        draw.text((_MARGIN, y + tile // 2 - _TEXT), text, "black", font)
        draw.text((_MARGIN, y + tile // 2 + 2), f"class {row}, {len(members):,} pictures", "grey", font)
        for column, index in enumerate(generator.permutation(members)[:columns]):
            page.paste(_tile(images, int(index), tile), (_MARGIN + _LABEL_WIDTH + column * (tile + 4), y))
    return page


def _width(columns: int, tile: int) -> int:
    return max(2 * _MARGIN + _LABEL_WIDTH + columns * (tile + 4), 480)


def _caption(pictures: int, classes: int, shown: int) -> str:
    text = f"{pictures:,} pictures of {classes:,} classes"
    return text if shown == classes else f"{text}; the first {shown} classes are shown"


def _tile(images: ImageSet, index: int, size: int) -> Image.Image:
    """The picture within a square, on light grey."""
    try:
        picture = ImageOps.contain(images.read(index), (size, size))
    except DataError:
        crossed = Image.new("RGB", (size, size), "lightgrey")
        draw = ImageDraw.Draw(crossed)
        draw.line((0, 0, size, size), "red", 2)
        draw.line((0, size, size, 0), "red", 2)
        return crossed
    square = Image.new("RGB", (size, size), (240, 240, 240))
    square.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return square
