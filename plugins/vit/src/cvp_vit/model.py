"""Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929): the picture as a sentence of patches.

An encoder block is two paths `Residual`, one around attention, one around an MLP, each with its norm first (eq. 2 and
3), and counts as a stage. The norm after the last block is the head's, which reads the class token alone (eq. 4).
A picture whose sides are no multiples of the patch loses the remainder at its right and lower edge. As in the paper's
fine-tuning, the head is one linear layer. Dropout is left out, as in torchvision's and timm's networks.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from cvp_core import ImageClassifier
from cvp_core.blocks import Residual

__all__ = ["build"]

EPS = 1e-6  # of all layer norms


class PatchEmbedding(nn.Module):
    """Class token and patches, each with the embedding of its position (eq. 1): (N, C, H, W) -> (N, 1 + P, width).

    P is the number of patches in a picture of `input_size`, counted row by row.
    """

    def __init__(self, input_size: tuple[int, int, int], patch: int, width: int) -> None:
        super().__init__()
        channels, height, image_width = input_size
        tokens = 1 + (height // patch) * (image_width // patch)
        self.conv = nn.Conv2d(channels, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, tokens, width))

    def forward(self, image: Tensor) -> Tensor:
        patches = self.conv(image).flatten(2).transpose(1, 2)  # (N, P, width)
        class_token = self.class_token.expand(image.size(0), -1, -1)
        return torch.cat([class_token, patches], dim=1) + self.position


class Attention(nn.Module):
    """Multi-head self-attention (appendix A); keeps (N, T, width), of which each of the `heads` has an equal share."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).reshape(x.size(0), x.size(1), 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, heads, T, width / heads)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.project(mixed.transpose(1, 2).flatten(2))


class TokenHead(nn.Module):
    """Norm and linear layer on the class token: (N, T, width) -> (N, classes)."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.classifier(self.norm(tokens[:, 0]))


def encoder_block(width: int, mlp_width: int, heads: int) -> nn.Sequential:
    """Keeps (N, T, width) (fig. 1, right)."""
    attention = OrderedDict(norm=nn.LayerNorm(width, eps=EPS), attention=Attention(width, heads))
    mlp = OrderedDict(
        norm=nn.LayerNorm(width, eps=EPS),
        expand=nn.Linear(width, mlp_width),
        act=nn.GELU(),
        project=nn.Linear(mlp_width, width),
    )
    return nn.Sequential(OrderedDict(attention=Residual(nn.Sequential(attention)), mlp=Residual(nn.Sequential(mlp))))


def build(
    patch: int,
    layers: int,
    width: int,
    mlp_width: int,
    heads: int,
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A Vision Transformer with one stage an encoder block.

    patch: its side in pixels. width: D, the numbers of a token. mlp_width: those between the two layers of the MLP.
    """
    network = ImageClassifier(
        stem=PatchEmbedding(input_size, patch, width),  # (N, 3, 224, 224) -> (N, 197, 768)
        stages=nn.Sequential(*[encoder_block(width, mlp_width, heads) for _ in range(layers)]),  # keeps the shape
        head=TokenHead(width, num_classes),  # -> (N, classes)
    )
    initialise(network)
    return network


def initialise(network: ImageClassifier) -> None:
    """Normal weights of deviation 0.02, zero biases, as timm's code has it.

    The paper's and torchvision's classifier starts at zero; ours does not, so that an untrained network has answers
    to compare between backends.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, PatchEmbedding):
            nn.init.normal_(module.class_token, std=1e-6)
            nn.init.trunc_normal_(module.position, std=0.02)
