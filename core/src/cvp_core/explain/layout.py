"""How a module's output lies over the picture: channels first, channels last, or as tokens of its patches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Layout", "layout_of", "modules_of"]

# Class token, distillation token and registers (arXiv:2309.16588); no network is known to have more.
_MOST_EXTRA = 8


@dataclass(frozen=True)
class Layout:
    """From an output to its map (N, C, H', W') and back.

    is_channels_last: (N, H', W', C). grid: (H', W') of the tokens (N, T, C), which are counted row by row after the
    `extra` ones that stand for no place.
    """

    is_channels_last: bool = False
    grid: tuple[int, int] | None = None
    extra: int = 0

    def to_map(self, output: Tensor) -> Tensor:
        if self.grid is not None:
            return output[:, self.extra :].transpose(1, 2).unflatten(2, self.grid)
        return output.permute(0, 3, 1, 2) if self.is_channels_last else output

    def put_back(self, maps: Tensor, output: Tensor) -> Tensor:
        """`output` with its map replaced."""
        if self.grid is not None:
            return torch.cat([output[:, : self.extra], maps.flatten(2).transpose(1, 2)], dim=1)
        return maps.permute(0, 2, 3, 1) if self.is_channels_last else maps


def layout_of(output: object, images: Tensor, is_channels_last: bool = False) -> Layout | None:
    """The layout of what a module answered to `images` (N, C, H, W); None where it is no map of several places.

    Also None for an output of the images' own shape: before the first layer there is nothing to be seen.
    """
    if not isinstance(output, Tensor) or output.shape == images.shape or len(output) != len(images):
        return None
    height, width = images.shape[2:]
    if output.ndim == 4:
        first, second, third = output.shape[1:]
        # A swapped map has the picture's proportions in its first two sides and not in its last two.
        is_swapped = first * width == second * height and second * width != third * height
        layout = Layout(is_channels_last=is_channels_last or is_swapped)
        return layout if layout.to_map(output)[0, 0].numel() > 1 else None
    return _layout_of_tokens(output.shape[1], height, width) if output.ndim == 3 else None


def _layout_of_tokens(tokens: int, height: int, width: int) -> Layout | None:
    """The coarsest square patches that leave the fewest tokens over."""
    found: tuple[int, tuple[int, int]] | None = None
    for patch in range(min(height, width), 0, -1):
        grid = (height // patch, width // patch)
        extra = tokens - grid[0] * grid[1]
        if 0 <= extra <= _MOST_EXTRA and grid != (1, 1) and (found is None or extra < found[0]):
            found = (extra, grid)
    return None if found is None else Layout(grid=found[1], extra=found[0])


def modules_of(model: nn.Module, names: tuple[str, ...]) -> list[nn.Module]:
    """Those of a part's names that are modules; others are parameters, such as a class token."""
    known = dict(model.named_modules())
    return [known[name] for name in names if name in known]
