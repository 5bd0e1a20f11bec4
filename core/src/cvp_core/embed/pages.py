"""A page with pictures and their nearest neighbours beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..data.image import open_image
from ..errors import DataError
from ..explain.sheet import Row, Tile, sheet
from .neighbours import Found
from .table import FeatureTable

__all__ = ["TablePictures", "neighbour_page"]

_SIDE = 150  # pixels of a picture
_GROUND = (240, 240, 240)


class TablePictures:
    """The pictures that a table's rows stand for: from their files, else from the data set they were taken from."""

    def __init__(self, table: FeatureTable) -> None:
        self.table = table
        self._named: dict[str, Callable[[], Image.Image]] | None = None

    def __call__(self, row: int) -> Image.Image:
        """Raises DataError where it is no more."""
        path = self.table.paths[row]
        if self.table.selection is None or Path(path).is_file():
            return open_image(path)
        if self._named is None:
            _, _, sets = self.table.selection.open()
            places = ((images, index) for images in sets for index in range(len(images)))
            self._named = {images.name(index): partial(images.read, index) for images, index in places}
        if path not in self._named:
            raise DataError(f"{path} is no longer in {self.table.selection.data}")
        return self._named[path]()


def neighbour_page(found: Sequence[Found], table: FeatureTable, title: str) -> Image.Image:
    """A row for each picture that was asked about, it and its neighbours; one that cannot be read is a grey tile."""
    pictures = TablePictures(table)
    rows = []
    for one in found:
        asked = partial(open_image, one.path) if one.row is None else partial(pictures, one.row)
        tiles = [Tile(_square(asked), Path(one.path).name)]
        for neighbour in one.neighbours:
            name = neighbour.label or Path(neighbour.path).name
            tiles.append(Tile(_square(partial(pictures, neighbour.row)), f"{neighbour.similarity:.3f}  {name}"))
        rows.append(Row(tuple(tiles)))
    return sheet(rows, (title, "At the left the picture, then those nearest to it by cosine similarity of features"))


def _square(read: Callable[[], Image.Image]) -> np.ndarray:
    """uint8 (side, side, 3): the whole picture, on light grey."""
    try:
        return np.asarray(ImageOps.pad(read().convert("RGB"), (_SIDE, _SIDE), color=_GROUND))
    except DataError:
        return np.full((_SIDE, _SIDE, 3), 190, np.uint8)
