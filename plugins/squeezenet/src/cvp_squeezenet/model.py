"""SqueezeNet (Iandola et al. 2016, arXiv:1602.07360): few parameters, because few channels reach a 3x3 filter.

A fire module squeezes its input by a 1x1 convolution, then expands it by 1x1 and 3x3 filters side by side. The
classifier is a convolution too, one map a class, and averaging its maps gives the answer.
Where we deviate: as in torchvision, the stem does not pad, so that its 7x7 convolution makes 109 pixels a side
of 224, not the 111 of the paper's table. The classifier's biases start at 1 (see `initialise`).
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from cvp_core import ImageClassifier
from cvp_core.blocks import Concat

__all__ = ["build"]


def unit(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
    return nn.Sequential(OrderedDict(conv=conv, act=nn.ReLU(inplace=True)))


def pooling() -> nn.MaxPool2d:
    """Overlapping windows; one that is cut off at the edge counts."""
    return nn.MaxPool2d(3, 2, ceil_mode=True)


def fire(in_channels: int, width: int) -> nn.Sequential:
    """1x1 to `width` maps, then 1x1 and 3x3 filters side by side (sec. 3.2, fig. 1).

    Maps (N, in_channels, H, W) to (N, 8 * width, H, W), half of it from either filter size.
    """
    expand = Concat({"pointwise": unit(width, 4 * width, 1), "spatial": unit(width, 4 * width, 3)})
    return nn.Sequential(OrderedDict(reduce=unit(in_channels, width, 1), expand=expand))


class Head(nn.Module):
    """Dropout, a 1x1 convolution with ReLU, global average pooling. Maps (N, features, H, W) to (N, classes)."""

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Conv2d(features, num_classes, 1)
        self.act = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.flatten(self.pool(self.act(self.classifier(self.dropout(x)))))


def build(
    stem_channels: int,
    stem_kernel: int,
    squeeze_widths: tuple[tuple[int, ...], ...],
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A SqueezeNet with one stage for all fire modules between two poolings.

    squeeze_widths: s1x1 of each fire module (table 1), a stage each.
    """
    conv = nn.Conv2d(input_size[0], stem_channels, stem_kernel, stride=2)
    stem = nn.Sequential(OrderedDict(conv=conv, act=nn.ReLU(inplace=True), pool=pooling()))
    stages: list[nn.Module] = []
    channels = stem_channels
    for index, widths in enumerate(squeeze_widths):
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        if index:
            parts["pool"] = pooling()
        fires: list[nn.Module] = []
        for width in widths:
            fires.append(fire(channels, width))
            channels = 8 * width
        parts["layers"] = nn.Sequential(*fires)
        stages.append(nn.Sequential(parts))

    network = ImageClassifier(
        stem=stem,  # squeezenet1_1: (N, 3, 224, 224) -> (N, 64, 55, 55)
        stages=nn.Sequential(*stages),  # -> (N, 512, 13, 13)
        head=Head(channels, num_classes),  # -> (N, classes)
    )
    initialise(network)
    return network


def initialise(network: ImageClassifier) -> None:
    """He's uniform (arXiv:1502.01852) and zero biases, the classifier from N(0, 0.01^2), all as torchvision's.

    But the classifier's biases are 1. From 0 the ReLU after it often holds a class at zero for every picture, and
    with two classes sometimes both, so that nothing trains. A softmax does not see what all classes share.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            is_classifier = module is network.head.classifier
            if is_classifier:
                nn.init.normal_(module.weight, std=0.01)
            else:
                nn.init.kaiming_uniform_(module.weight)
            if module.bias is not None:
                nn.init.constant_(module.bias, 1.0 if is_classifier else 0.0)
