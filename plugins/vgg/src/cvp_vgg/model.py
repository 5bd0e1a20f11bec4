"""VGG (Simonyan and Zisserman 2014, arXiv:1409.1556): depth from small filters, 3x3 throughout.

Five blocks of convolutions, each ended by a pooling that halves the picture, and two hidden layers of 4096.
Where we deviate: as in torchvision, batch norm may follow each convolution, adaptive pooling to 7x7 lets every
picture of at least 32 pixels a side through, and weights start at He's scale instead of from a trained
shallower net. The head may be one linear layer, with no hidden ones.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import HiddenHead

__all__ = ["build"]

WIDTHS = (64, 128, 256, 512, 512)
HIDDEN = {"mlp": (4096, 4096), "linear": ()}
POOLED = 7  # pixels a side of the map that the head flattens


def unit(in_channels: int, out_channels: int, has_norm: bool) -> nn.Sequential:
    """(N, in_channels, H, W) -> (N, out_channels, H, W). The convolution has a bias, before batch norm too."""
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=nn.Conv2d(in_channels, out_channels, 3, padding=1))
    if has_norm:
        parts["norm"] = nn.BatchNorm2d(out_channels)
    parts["act"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)


def stage(in_channels: int, width: int, layers: int, has_norm: bool) -> nn.Sequential:
    """(N, in_channels, H, W) -> (N, width, H // 2, W // 2)."""
    units = [unit(width if index else in_channels, width, has_norm) for index in range(layers)]
    return nn.Sequential(OrderedDict(layers=nn.Sequential(*units), pool=nn.MaxPool2d(2)))


def build(
    layers: tuple[int, ...],
    has_norm: bool = False,
    head: str = "mlp",
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A VGG with one stage a block.

    layers: convolutions in each of the five blocks. has_norm: batch norm after each of them.
    head: "mlp" for the paper's two hidden layers, "linear" for none. Raises ValueError for another head.
    """
    if head not in HIDDEN:
        raise ValueError(f"head {head!r} is not one of {', '.join(HIDDEN)}")
    stages: list[nn.Module] = []
    channels = input_size[0]
    for width, count in zip(WIDTHS, layers, strict=True):
        stages.append(stage(channels, width, count, has_norm))
        channels = width

    hidden = HIDDEN[head]
    features = channels * POOLED * POOLED
    dropout = (0.0, *(0.5 for _ in hidden))  # of what each hidden layer gives
    network = ImageClassifier(
        stem=nn.Identity(),
        stages=nn.Sequential(*stages),  # (N, 3, 224, 224) -> (N, 512, 7, 7)
        head=HiddenHead(features, hidden, num_classes, pool=POOLED, dropout=dropout),  # -> (N, classes)
    )
    initialise(network)
    return network


def initialise(network: nn.Module) -> None:
    """As torchvision's: He's (arXiv:1502.01852) by fan-out, linear layers from N(0, 0.01^2), biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
