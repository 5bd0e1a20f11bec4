"""EfficientNet (Tan and Le 2019, arXiv:1905.11946), its Lite variants, and EfficientNetV2 (2021, arXiv:2104.00298).

An MBConv block is the path `Residual` around the branch `inverted_residual` with squeeze-and-excitation; V2's first
stages fuse the expansion and the depthwise convolution into one. A stage is a row of the paper's table; the last 1x1
convolution belongs to the last stage, so that `forward_features` gives what the paper pools.

Deviations: stochastic depth rises to 0.2 in all variants, as in torchvision; batch norm's epsilon and momentum are
those of the weights that can be taken over. Lite (tensorflow/tpu, efficientnet/lite) pads as TensorFlow does.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import ConvNormAct, PoolHead, SqueezeExcite, inverted_block, inverted_residual

from .layouts import Block, layout
from .padding import pad_like_tensorflow

__all__ = ["build"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu6": nn.ReLU6, "silu": nn.SiLU}
DROP = 0.2  # of the block after the last; the first has 0


def fused_branch(in_channels: int, block: Block, act: type[nn.Module]) -> nn.Sequential:
    """A convolution to `block.width`, linear 1x1 to `block.out_channels` (arXiv:2104.00298, fig. 2).

    One convolution alone where nothing is expanded.
    """
    kernel, stride = block.kernel, block.stride
    if block.width == in_channels:
        only = ConvNormAct(in_channels, block.out_channels, kernel, stride=stride, activation=act)
        return nn.Sequential(OrderedDict(spatial=only))
    return nn.Sequential(
        OrderedDict(
            spatial=ConvNormAct(in_channels, block.width, kernel, stride=stride, activation=act),
            project=ConvNormAct(block.width, block.out_channels, 1, activation=False),
        )
    )


def mbconv_branch(in_channels: int, block: Block, act: type[nn.Module]) -> nn.Sequential:
    """The inverted residual, gated where the layout says so (arXiv:1905.11946, sec. 4)."""
    gate = SqueezeExcite(block.width, block.reduced, act=act) if block.reduced else None
    return inverted_residual(
        in_channels, block.width, block.out_channels, block.kernel, stride=block.stride, act=act, gate=gate
    )


def build(
    version: str,
    width: float,
    depth: float,
    dropout: float,
    norm: tuple[float, float],
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """An EfficientNet with one stage a row of its table.

    version, width, depth: as in `layout`. dropout: before the classifier. norm: epsilon and momentum of batch norm.
    """
    plan = layout(version, width, depth)
    act = ACTIVATIONS[plan.act]
    total = sum(len(rows) for rows in plan.stages)
    stages: list[nn.Module] = []
    channels, number = plan.stem, 0
    for index, rows in enumerate(plan.stages):
        blocks: list[nn.Module] = []
        for row in rows:
            branch = (fused_branch if row.is_fused else mbconv_branch)(channels, row, act)
            drop = DROP * number / total
            blocks.append(inverted_block(branch, channels, row.out_channels, stride=row.stride, drop=drop))
            channels, number = row.out_channels, number + 1
        parts: OrderedDict[str, nn.Module] = OrderedDict(blocks=nn.Sequential(*blocks))
        if index == len(plan.stages) - 1:
            parts["expand"] = ConvNormAct(channels, plan.features, 1, activation=act)
        stages.append(nn.Sequential(parts))

    stem = ConvNormAct(input_size[0], plan.stem, 3, stride=2, activation=act)
    network = ImageClassifier(
        stem=stem,  # (N, 3, 224, 224) -> (N, 32, 112, 112)
        stages=nn.Sequential(*stages),  # -> (N, 1280, 7, 7)
        head=PoolHead(plan.features, num_classes, dropout),  # -> (N, classes)
    )
    if plan.pads_like_tensorflow:
        pad_like_tensorflow(network)
    initialise(network, *norm)
    return network


def initialise(network: nn.Module, norm_eps: float, norm_momentum: float) -> None:
    """He's initialisation over all outputs (arXiv:1502.01852), as torchvision's code has it.

    timm's counts the outputs of a group alone; a fresh V2-L in evaluation mode then magnifies rounding so much that a
    picture has other logits alone than in a batch.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = norm_eps, norm_momentum
        elif isinstance(module, nn.Linear):
            bound = 1.0 / math.sqrt(module.out_features)
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)
