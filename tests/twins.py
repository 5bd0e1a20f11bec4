"""Networks of torchvision and timm and ours with the same weights, with which a picture matters to the last layer."""

from __future__ import annotations

from functools import cache
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

import cvp_core
from cvp_core import ImageClassifier
from cvp_core.blank import without_memory
from cvp_core.testing.noise import pooled_draws

__all__ = ["assert_equal_logits", "blank", "enliven", "ours_like", "theirs", "twins"]

LIBRARIES = {"torchvision": torchvision.models.get_model, "timm": timm.create_model}

# Of batch norms; nothing else that a constructor computes would outlast a network's building without memory.
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def blank(name: str, num_classes: int | None = None, side: int | None = None) -> ImageClassifier:
    """Ours without memory, in evaluation mode; of its own classes and for its own pictures if nothing else is given."""
    with without_memory():
        size = None if side is None else (side, side)
        return cvp_core.create_model(name, num_classes=num_classes, image_size=size).eval()


def twins(
    name: str, source: str = "torchvision", theirs_name: str = "", side: int | None = None, **settings: Any
) -> tuple[ImageClassifier, nn.Module]:
    """Ours and the library's. theirs_name: as the library calls it, if not as we do; settings: for its builder."""
    model = theirs(theirs_name or name, source, **settings)
    return ours_like(model, name, source, side), model


def ours_like(model: nn.Module, name: str, source: str = "torchvision", side: int | None = None) -> ImageClassifier:
    """Ours with the weights of the library's network."""
    ours = blank(name, side=side)
    ours.load_state_dict(cvp_core.convert_state_dict(name, model.state_dict(), source), assign=True)
    return ours


def theirs(name: str, source: str = "torchvision", least: int = 64, **settings: Any) -> nn.Module:
    """The library's network, lively: of a fresh one the branches give zero, or after fifty layers the bias is left.

    least: the side of pictures that it can read.
    """
    try:
        with without_memory():
            model = LIBRARIES[source](name, **settings).eval()
    except NotImplementedError:  # torchvision's RegNet looks at values while it is built
        with pooled_draws():
            model = LIBRARIES[source](name, **settings).eval()
    model.to_empty(device="cpu")
    assert all(key.endswith(STATISTICS) for key, _ in model.named_buffers())
    enliven(model, least)
    return model


@torch.no_grad()
def enliven(model: nn.Module, least: int = 64) -> None:
    """Weights at He's scale, norms that are neither zero nor one, and the statistics of some noise."""
    torch.manual_seed(0)
    position = 0
    for key, parameter in model.named_parameters():
        if key.endswith(("layer_scale", "gamma")):
            parameter.uniform_(0.1, 0.5)
        elif parameter.ndim > 1:
            is_token = parameter.shape[0] == 1  # or the positions, which are added
            parameter.data = noise(parameter, position, 0.5 if is_token else (2 / parameter[0].numel()) ** 0.5)
            position += parameter.numel()  # so that two layers of one shape differ
        elif key.endswith("weight"):
            parameter.uniform_(0.8, 1.2)
        else:
            parameter.normal_(0, 0.1)
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = 1.0
        norm.train()
    if norms:
        model(torch.randn(4, 3, least, least))  # now the outputs of all layers have one scale
        model.eval()


@cache
def pool() -> Tensor:
    """A prime number of values, so that no two rows of a matrix hold the same."""
    return torch.randn(1_000_003, generator=torch.Generator().manual_seed(0))


def noise(like: Tensor, position: int, scale: float) -> Tensor:
    """Normal, from a position of the pool on, again and again: drawing 100 million values takes a second."""
    first = position % len(pool())
    last = first + like.numel()
    if last <= len(pool()):
        return scale * pool()[first:last].view(like.shape)
    return (scale * pool()).repeat(1 + last // len(pool()))[first:last].view(like.shape)


@torch.no_grad()
def assert_equal_logits(
    ours: nn.Module, theirs: nn.Module, *sides: int | tuple[int, int], within: float = 1e-5, count: int = 2
) -> None:
    """For pictures of each size, which matter more than may differ. within: a share of the largest logit."""
    for side in sides:
        height, width = (side, side) if isinstance(side, int) else side
        generator = torch.Generator().manual_seed(height)
        colours = torch.randn(count, 3, 1, 1, generator=generator)  # noise alone is the same grey from afar
        x = colours + torch.randn(count, 3, height, width, generator=generator)
        expected = theirs(x)
        scale = expected.abs().max().item()
        assert count == 1 or expected.std(0).mean() > 10 * within * scale
        torch.testing.assert_close(ours(x), expected, rtol=0, atol=within * scale)
