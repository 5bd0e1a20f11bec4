from __future__ import annotations

import torch
from torch import Tensor, nn

from cvp_core.summary import count_macs, count_parameters, layer_table


class Attention(nn.Module):
    """Parameters of its own, a child whose parameters its parent applies, and one layer called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8))
        self.frozen = nn.Parameter(torch.ones(5), requires_grad=False)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.twice = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(2).transpose(1, 2) * self.scale  # (N, 16, 8)
        x = self.attention(x, x, x, need_weights=False)[0]
        return self.twice(self.twice(x)) @ x.transpose(1, 2)


def test_rows_add_up_where_work_is_not_done_by_leaves() -> None:
    model = Attention()
    rows = {row.name: row for row in layer_table(model, (8, 4, 4))}
    assert sum(row.parameters for row in rows.values()) == count_parameters(model)
    assert sum(row.macs for row in rows.values()) == count_macs(model, (8, 4, 4))
    assert rows[""].parameters == 8
    assert rows[""].macs == 16 * 8 * 16
    assert rows["twice"].macs == 2 * 16 * 8 * 8
    # Query, key, value and output projections, then scores and their product with the values.
    assert rows["attention"].macs == 4 * 16 * 8 * 8 + 2 * 16 * 16 * 8
    assert rows["attention"].parameters == 4 * (8 * 8 + 8)


def test_convolution_counts_as_textbooks_do() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, groups=1), nn.ReLU())
    conv, relu = layer_table(model, (3, 32, 48))
    assert (conv.type, conv.output_shape) == ("Conv2d", (8, 16, 24))
    assert conv.macs == 8 * 3 * 3 * 3 * 16 * 24
    assert (relu.macs, relu.parameters) == (0, 0)


def test_counting_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout()).train()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layer_table(model, (3, 8, 8))
    assert (model[0].training, model[1].training) == (True, False)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model[0]._forward_hooks
    assert torch.backends.mha.get_fastpath_enabled()
