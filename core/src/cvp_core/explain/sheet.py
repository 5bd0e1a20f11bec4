"""A page of pictures in rows, with captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..lettering import fitted, page_font

__all__ = ["Row", "Tile", "sheet"]

_MARGIN = 12
_LINE = 20  # pixels of height for a line of text
_LEAST_WIDTH = 560


@dataclass(frozen=True, slots=True)
class Tile:
    """pixels: uint8 (height, width, 3). caption: a line below it."""

    pixels: np.ndarray
    caption: str = ""

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True)
class Row:
    """Tiles from left to right, and a line above them."""

    tiles: tuple[Tile, ...]
    heading: str = ""

    def height(self) -> int:
        captions = _LINE if any(tile.caption for tile in self.tiles) else 0
        return max(tile.pixels.shape[0] for tile in self.tiles) + captions + (_LINE if self.heading else 0)


def sheet(rows: Sequence[Row], lines: Sequence[str], gap: int = 10) -> Image.Image:
    """An RGB page: `lines` at the top, then the rows. gap: pixels between tiles."""
    widths = [sum(tile.width for tile in row.tiles) + gap * (len(row.tiles) - 1) for row in rows]
    width = max(*widths, _LEAST_WIDTH) + 2 * _MARGIN
    top = _MARGIN + _LINE * len(lines) + 4
    height = top + sum(row.height() + gap for row in rows) - gap + _MARGIN
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    font = page_font()
    for number, text in enumerate(lines):
        colour = "black" if number == 0 else "dimgrey"
        draw.text((_MARGIN, _MARGIN + number * _LINE), fitted(text, font, width - 2 * _MARGIN), colour, font)
    for row in rows:
        _draw_row(page, draw, font, row, top, gap)
        top += row.height() + gap
    return page


def _draw_row(
    page: Image.Image, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, row: Row, top: int, gap: int
) -> None:
    if row.heading:
        draw.text((_MARGIN, top), fitted(row.heading, font, page.width - 2 * _MARGIN), "black", font)
        top += _LINE
    left = _MARGIN
    for tile in row.tiles:
        page.paste(Image.fromarray(tile.pixels), (left, top))
        if tile.caption:
            draw.text((left, top + tile.pixels.shape[0] + 2), fitted(tile.caption, font, tile.width), "black", font)
        left += tile.width + gap
