"""A labelled grid of a few pictures of each class: what a data set looks like, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from ..errors import ConfigError, DataError
from ..lettering import fitted, page_font
from .sources import DataSplits, ImageSet

__all__ = ["Row", "contact_sheet", "draw_rows", "framed", "picture_tile", "tile_size", "title_of"]

_MARGIN = 8
_LINE = 20  # pixels of height for a line of text
_TEXT = 13
_LABEL_WIDTH = 200
_GAP = 4


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
        images, names, title = data.train, tuple(classes or data.classes), title_of(data)
    elif classes is None:
        raise ConfigError("a contact sheet of a single set needs the names of its classes")
    else:
        images, names, title = data, tuple(classes), ""
    if rows < 1 or columns < 1:
        raise ConfigError(f"{rows} rows and {columns} columns given; both must be at least 1")
    shown = min(rows, len(names))
    captions = [title] if title else []
    captions.append(_caption(len(images), len(names), shown))
    size = tile_size(shown)
    generator = np.random.default_rng(seed)
    page = []
    for label in range(shown):
        members = np.flatnonzero(images.labels == label)
        tiles = [picture_tile(images, index, size) for index in generator.permutation(members)[:columns].tolist()]
        page.append(Row(names[label], f"class {label}, {len(members):,} pictures", tiles))
    return draw_rows(captions, page, columns, size)


@dataclass(frozen=True)
class Row:
    """A row of a page: its name, a note below it, and its tiles, squares of one size."""

    name: str
    note: str
    tiles: Sequence[Image.Image]


def draw_rows(captions: Sequence[str], rows: Sequence[Row], columns: int, size: int) -> Image.Image:
    """An RGB page of `captions` and below them the rows of up to `columns` tiles, `size` pixels a side."""
    top = _MARGIN + _LINE * len(captions)
    page = Image.new("RGB", (_width(columns, size), top + len(rows) * (size + _GAP) + _MARGIN), "white")
    draw = ImageDraw.Draw(page)
    font = page_font()
    for line, text in enumerate(captions):
        draw.text((_MARGIN, _MARGIN + line * _LINE), fitted(text, font, page.width - 2 * _MARGIN), "black", font)
    for number, row in enumerate(rows):
        y = top + number * (size + _GAP)
        draw.text((_MARGIN, y + size // 2 - _TEXT), fitted(row.name, font, _LABEL_WIDTH - _MARGIN), "black", font)
        draw.text((_MARGIN, y + size // 2 + 2), fitted(row.note, font, _LABEL_WIDTH - _MARGIN), "grey", font)
        for column, tile in enumerate(row.tiles):
            page.paste(tile, (_MARGIN + _LABEL_WIDTH + column * (size + _GAP), y))
    return page


def title_of(data: DataSplits) -> str:
    """The first line of a data set's page."""
    return f"{data.name}: {data.location}" + (" (synthetic)" if data.synthetic else "")


def tile_size(rows: int) -> int:
    """Pixels a side: smaller where there are many rows."""
    return 96 if rows <= 20 else 48


def picture_tile(images: ImageSet, index: int, size: int) -> Image.Image:
    """The picture within a square; crossed out where it cannot be read."""
    try:
        return framed(images.read(index), size)
    except DataError:
        crossed = Image.new("RGB", (size, size), "lightgrey")
        draw = ImageDraw.Draw(crossed)
        draw.line((0, 0, size, size), "red", 2)
        draw.line((0, size, size, 0), "red", 2)
        return crossed


def framed(picture: Image.Image, size: int) -> Image.Image:
    """Scaled into a square, on light grey."""
    scaled = ImageOps.contain(picture, (size, size))
    square = Image.new("RGB", (size, size), (240, 240, 240))
    square.paste(scaled, ((size - scaled.width) // 2, (size - scaled.height) // 2))
    return square


def _width(columns: int, tile: int) -> int:
    return max(2 * _MARGIN + _LABEL_WIDTH + columns * (tile + _GAP), 480)


def _caption(pictures: int, classes: int, shown: int) -> str:
    text = f"{pictures:,} pictures of {classes:,} classes"
    return text if shown == classes else f"{text}; the first {shown} classes are shown"
