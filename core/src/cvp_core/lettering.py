"""Text on pictures: a font that has more than ASCII, and lines that are cut where they do not fit."""

from __future__ import annotations

from pathlib import Path

from PIL import ImageFont

__all__ = ["fitted", "page_font"]


def page_font(size: int = 13) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings: Latin, Greek, Cyrillic and more; Pillow's own font is ASCII."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def fitted(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """One line of `text`, cut with an ellipsis where it is wider than `width` pixels."""
    line = " ".join(text.split())
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "...") > width:
        line = line[:-1]
    return line + "..."
