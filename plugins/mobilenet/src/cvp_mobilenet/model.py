"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) and V3 (Howard et al. 2019, arXiv:1905.02244).

A block is the path `Residual` around the branch `inverted_residual` where input and output agree in shape, and the
branch alone elsewhere. A stage is the blocks of one resolution: after the stem's 112x112, V2 and V3-Large have stages
at 112, 56, 28, 14 and 7, V3-Small, whose first block has a stride, at 56, 28, 14 and 7. The last 1x1 convolution
belongs to the last stage, so that `forward_features` gives what the paper pools.

Deviations, all of them torchvision's too: V3's hidden layer is linear after the pooling instead of a 1x1 convolution
(the same map), and V3-Small's last 1x1 convolution has no squeeze-and-excitation, which table 2 of the paper ticks.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import ConvNormAct, HiddenHead, PoolHead, SqueezeExcite, inverted_block, inverted_residual

from .layouts import Block, layout

__all__ = ["build"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "relu6": nn.ReLU6, "hardswish": nn.Hardswish}
DROPOUT = 0.2


def mobile_block(in_channels: int, block: Block) -> nn.Module:
    """(N, in_channels, H, W) -> (N, block.out_channels, ceil(H / stride), ceil(W / stride))."""
    gate = SqueezeExcite(block.width, block.reduced, gate=nn.Hardsigmoid) if block.reduced else None
    branch = inverted_residual(
        in_channels,
        block.width,
        block.out_channels,
        block.kernel,
        stride=block.stride,
        act=ACTIVATIONS[block.act],
        gate=gate,
    )
    return inverted_block(branch, in_channels, block.out_channels, stride=block.stride)


def build(version: str, width: float, *, num_classes: int, input_size: tuple[int, int, int]) -> ImageClassifier:
    """A MobileNet with one stage a resolution.

    version: "v2", "v3_small" or "v3_large". width: the paper's alpha, a factor for all channel counts.
    """
    plan = layout(version, width)
    act = ACTIVATIONS[plan.act]
    stages: list[nn.Module] = []
    channels = plan.stem
    for index, rows in enumerate(plan.stages):
        blocks: list[nn.Module] = []
        for row in rows:
            blocks.append(mobile_block(channels, row))
            channels = row.out_channels
        parts: OrderedDict[str, nn.Module] = OrderedDict(blocks=nn.Sequential(*blocks))
        if index == len(plan.stages) - 1:
            parts["expand"] = ConvNormAct(channels, plan.features, 1, activation=act)
        stages.append(nn.Sequential(parts))

    head: nn.Module
    if plan.hidden:
        # Two linear layers with hard swish between them: V3's last stage (sec. 5.1).
        head = HiddenHead(
            plan.features, (plan.hidden,), num_classes, pool=1, activation=nn.Hardswish, dropout=(0.0, DROPOUT)
        )
    else:
        head = PoolHead(plan.features, num_classes, DROPOUT)
    stem = ConvNormAct(input_size[0], plan.stem, 3, stride=2, activation=act)
    network = ImageClassifier(
        stem=stem,  # (N, 3, 224, 224) -> (N, 32, 112, 112)
        stages=nn.Sequential(*stages),  # -> (N, 1280, 7, 7)
        head=head,  # -> (N, classes)
    )
    initialise(network, plan.norm_eps, plan.norm_momentum)
    return network


def initialise(network: nn.Module, norm_eps: float, norm_momentum: float) -> None:
    """He's initialisation over the outputs (arXiv:1502.01852) and small linear layers, as torchvision's code has it."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = norm_eps, norm_momentum
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
            nn.init.zeros_(module.bias)
