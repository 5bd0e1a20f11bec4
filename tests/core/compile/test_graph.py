"""Rewritten networks answer as before. Counts of norms follow from the papers' layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cvp_core import create_model
from cvp_core.blocks import Dense, DualPath, NormActConv, pre_activated_basic, pre_activated_bottleneck
from cvp_core.compile.graph import (
    PathBuffer,
    ScaleShift,
    TwoPaths,
    fold_norms,
    pad_groups,
    path_buffers,
    two_paths,
)


def randomised(name: str) -> nn.Module:
    """With statistics as training leaves them: a norm that is the identity would hide a fault."""
    torch.manual_seed(0)
    net = create_model(name, num_classes=10).eval()
    for norm in norms_of(net):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 1.5)
    return net


def norms_of(net: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


def pictures(side: int = 64) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def difference(before: Tensor, after: Tensor) -> float:
    return float((before - after).abs().max() / (before.max() - before.min()))


@pytest.mark.parametrize(
    "name, left",
    [
        ("resnet18", 0),
        ("mobilenet_v2", 0),
        ("vgg11_bn", 0),
        # of 121: 58 before a 1x1 convolution, 3 of transitions and the last one read a concatenation
        ("densenet121", 62),
        ("densenet_40_12", 39),  # no bottleneck: every norm reads a concatenation
        ("dpn68", 27),  # of 72: the first of 22 blocks, those of 4 shortcuts and the last one
    ],
)
@torch.inference_mode()
def test_folded_network_gives_the_same_logits_with_the_norms_left_that_read_more(name: str, left: int) -> None:
    net = randomised(name)
    count = len(norms_of(net))
    folded = fold_norms(net)
    assert len(norms_of(folded)) == left
    assert len(norms_of(net)) == count  # the given one is as it was
    assert difference(net(pictures()), folded(pictures())) < 1e-4


class Shared(nn.Module):
    """One convolution's output read by its norm and by an addition."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y + self.norm(y)


class Branching(nn.Module):
    """torch.fx cannot follow a branch on a value."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x) if x.sum() > 0 else self.unit(-x)


def test_norm_whose_input_others_read_stays() -> None:
    assert len(norms_of(fold_norms(Shared().eval()))) == 1


def test_network_that_cannot_be_traced_is_folded_part_by_part() -> None:
    net = Branching().eval()
    assert not norms_of(fold_norms(net))
    torch.testing.assert_close(fold_norms(net)(pictures()), net(pictures()))


def test_network_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="training mode"):
        fold_norms(Shared())


@pytest.mark.parametrize(
    "name, buffers",
    [("densenet121", 4), ("densenet_40_12", 3), ("dpn68", 4), ("mixnet105", 4)],  # one a stage
)
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
@torch.inference_mode()
def test_growing_paths_in_one_buffer_give_the_same_logits(name: str, buffers: int, form: torch.memory_format) -> None:
    net = fold_norms(randomised(name)).to(memory_format=form)  # type: ignore[call-overload]
    buffered = path_buffers(net)
    assert sum(isinstance(module, PathBuffer) for module in buffered.modules()) == buffers
    images = pictures().to(memory_format=form)
    # the norms are multiplied out in another order
    assert difference(net(images), buffered(images)) < 1e-5


@torch.inference_mode()
def test_paths_of_different_kinds_share_a_buffer() -> None:
    paths = [Dense(nn.Conv2d(3, 2, 1)), DualPath(nn.Conv2d(5, 4, 3, padding=1), 1), Dense(nn.Conv2d(8, 1, 1))]
    x = pictures(8)
    before = x.clone()
    torch.testing.assert_close(PathBuffer(paths)(x), nn.Sequential(*paths)(x))
    assert torch.equal(x, before)


@torch.inference_mode()
def test_a_path_that_projects_its_input_stands_before_the_buffer() -> None:
    first = DualPath(nn.Conv2d(3, 6, 3, stride=2, padding=1), 4, nn.Conv2d(3, 8, 1, stride=2))
    net = nn.Sequential(first, DualPath(nn.Conv2d(10, 6, 1), 4), DualPath(nn.Conv2d(12, 6, 1), 4)).eval()
    buffered = path_buffers(net)
    assert [type(part) for part in buffered] == [DualPath, PathBuffer]
    torch.testing.assert_close(buffered(pictures(8)), net(pictures(8)))
    with pytest.raises(ValueError, match="without a growth"):
        PathBuffer(list(net))


class Halved(Dense):
    """Another forward than the one that Dense does in place."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.branch(x) / 2], dim=1)


@torch.inference_mode()
def test_a_path_whose_forward_is_its_own_stays_out_of_the_buffer() -> None:
    net = nn.Sequential(Halved(nn.Conv2d(3, 2, 1)), Halved(nn.Conv2d(5, 2, 1))).eval()
    torch.testing.assert_close(path_buffers(net)(pictures(8)), net(pictures(8)), rtol=0, atol=0)


@torch.inference_mode()
def test_paths_within_a_branch_have_a_buffer_of_their_own() -> None:
    inner = nn.Sequential(Dense(pre_activated_basic(3, 2)), Dense(pre_activated_basic(5, 2)))
    net = nn.Sequential(Dense(nn.Sequential(inner, nn.Conv2d(7, 4, 1))), Dense(nn.Conv2d(7, 2, 1))).eval()
    buffered = path_buffers(net)
    assert sum(isinstance(module, PathBuffer) for module in buffered.modules()) == 2
    torch.testing.assert_close(buffered(pictures(8)), net(pictures(8)), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_scale_and_shift_equal_the_norm() -> None:
    norm = NormActConv(3, 4, 1).eval().norm
    norm.running_mean, norm.running_var = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.1, 1.0, 4.0])
    torch.testing.assert_close(ScaleShift(norm)(pictures(8)), norm(pictures(8)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "name, widths",
    [
        ("dpn68", {(32, 8), (32, 16), (32, 32)}),  # table 1 of arXiv:1707.01629: 32 groups of 4, 8, 16, 32 channels
        ("dpn92", {(32, 8), (32, 16), (32, 24)}),  # 32 groups of 3, 6, 12, 24
        ("resnext50_32x4d", {(32, 8), (32, 16), (32, 32)}),
    ],
)
@torch.inference_mode()
def test_padded_groups_give_the_same_logits(name: str, widths: set[tuple[int, int]]) -> None:
    folded = fold_norms(randomised(name))
    padded = pad_groups(folded, 8)
    found = {
        (module.groups, module.in_channels // module.groups)
        for module in padded.modules()
        if isinstance(module, nn.Conv2d) and module.groups > 1
    }
    assert found == widths
    assert difference(folded(pictures()), padded(pictures())) < 1e-5
    assert sum(value.numel() for value in padded.parameters()) > sum(value.numel() for value in folded.parameters())


@torch.inference_mode()
def test_groups_that_are_read_by_more_than_one_convolution_stay() -> None:
    net = fold_norms(randomised("shufflenet_v2_x0_5"))  # depthwise: each group is a channel
    assert pad_groups(net, 8).state_dict().keys() == net.state_dict().keys()
    assert difference(net(pictures()), pad_groups(net, 8)(pictures())) == 0


@pytest.mark.parametrize("is_folded", [False, True])
@pytest.mark.parametrize("name", ["dpn68", "dualpath"])
@torch.inference_mode()
def test_dual_paths_apart_give_the_same_logits(name: str, is_folded: bool) -> None:
    net = randomised(name)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    given = fold_norms(net) if is_folded else net
    apart = two_paths(given)
    kinds = [type(module) for module in apart.modules()]
    assert kinds.count(TwoPaths) == 4  # one a stage
    assert DualPath not in kinds
    assert difference(given(pictures()), apart(pictures())) < 1e-5
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert path_count(apart) == path_count(net)


@torch.inference_mode()
def test_dual_paths_apart_keep_groups_that_were_padded() -> None:
    folded = fold_norms(randomised("dpn92"))
    apart = two_paths(pad_groups(folded, 8))
    convs = [module for module in apart.modules() if isinstance(module, nn.Conv2d) and module.groups > 1]
    assert {module.in_channels // module.groups for module in convs} == {8, 16, 24}
    assert [type(module) for module in apart.modules()].count(TwoPaths) == 4
    assert difference(folded(pictures()), apart(pictures())) < 1e-5


def path_count(net: nn.Module) -> int:
    """Weights of convolutions and linear layers: cut in two, none is there twice."""
    return sum(module.weight.numel() for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear))


def dual(channels: int, width: int, growth: int = 2, *, projected: bool = False) -> DualPath:
    branch = pre_activated_bottleneck(channels, 4, width + growth)
    return DualPath(branch, width, NormActConv(channels, width + 2 * growth, 1) if projected else None)


@torch.inference_mode()
def test_dual_paths_of_one_width_are_apart_together_and_others_by_themselves() -> None:
    torch.manual_seed(0)
    rows = [dual(8, 4), dual(10, 4), dual(12, 6, projected=True), dual(12, 6), dual(14, 3), dual(16, 3), nn.ReLU()]
    net = nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 1), *rows)).eval()
    for norm in norms_of(net):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()  # type: ignore[union-attr]
    apart = two_paths(net)
    assert [type(part) for part in apart[0]] == [nn.Conv2d, TwoPaths, TwoPaths, TwoPaths, nn.ReLU]
    assert [len(part.links) for part in apart[0] if isinstance(part, TwoPaths)] == [2, 1, 2]
    torch.testing.assert_close(apart(pictures(8)), net(pictures(8)), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_dual_paths_that_are_otherwise_built_stay() -> None:
    plain = [DualPath(nn.Conv2d(6, 6, 1), 4), DualPath(nn.Conv2d(8, 6, 1), 4)]
    without_growth = [dual(6, 4, 0), dual(6, 4, 0)]
    alone = [dual(6, 4), nn.ReLU()]
    without_appended = [dual(4, 4), dual(4, 4)]  # as the first of a net would be
    without_statistics = [dual(6, 4), dual(8, 4)]
    for norm in norms_of(nn.Sequential(*without_statistics)):
        norm.running_mean = norm.running_var = None
    others = [without_appended, without_statistics, [dual(6, 0), dual(8, 0)]]
    for parts in (plain, without_growth, alone, *others):
        net = nn.Sequential(nn.Sequential(*parts)).eval()
        assert [type(part) for part in two_paths(net)[0]] == [type(part) for part in parts]


def test_dual_paths_in_training_mode_are_refused() -> None:
    with pytest.raises(ValueError, match="training mode"):
        two_paths(create_model("dualpath"))
