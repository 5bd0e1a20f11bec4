"""The conformance suite finds what it is there to find: each fault that a plugin can have, planted once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_plugins import install

from cvp_core import registry
from cvp_core.testing import run_checks

# A sound plugin; each test replaces one of its lines by a faulty one.
SOUND = """
from cvp_core import ModelSpec, Paper, hookimpl
CVP_API = 1

@hookimpl
def cvp_models():
    return [ModelSpec("foonet", "foo", "cvp_foo:build", parameters=314, macs=10838096, min_size=2, num_classes=10,
                      paper=Paper("Foo"), licence="MIT")]

def build(num_classes, input_size):
    import torch
    from torch import nn
    from cvp_core import ImageClassifier
    from cvp_core.blocks import PoolHead

    class Stage(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(input_size[0], 8, 3, padding=1)
            self.calls = 0
        def forward(self, x):
            y = self.conv(x)
            return torch.relu(y)

    return ImageClassifier(nn.Identity(), nn.Sequential(Stage()), PoolHead(8, num_classes))
"""
FAULTS = {
    "costs-are-true": ("parameters=314", "parameters=300"),
    "spec-is-complete": ('licence="MIT"', 'licence=""'),
    "listing-is-torch-free": ("CVP_API = 1", "CVP_API = 1\nimport torch"),
    "import-is-quick": ("CVP_API = 1", "CVP_API = 1\nsum(range(10**7))"),
    "uses-no-pickle": ("CVP_API = 1", "CVP_API = 1\nimport pickle"),
    "keys-are-stable": ("self.calls = 0", "self.register_buffer(f'n{input_size[0]}', torch.zeros(1))"),
    "freezes-by-stage": ("return ImageClassifier(", "net = ImageClassifier(nn.Identity(), nn.Sequential(Stage()), "
                         "PoolHead(8, num_classes)); net.extra = nn.Linear(1, 1); return net or ImageClassifier("),
    "seed-fixes-weights": ("self.calls = 0", "self.conv.weight.data += __import__('time').time_ns() % 997"),
    "logits-have-their-shape": ("y = self.conv(x)", "y = self.conv(x - x.mean(0))"),
    "channels-are-free": ("nn.Conv2d(input_size[0]", "nn.Conv2d(3"),
    "gradients-reach-all": ("y = self.conv(x)", "y = self.conv(x).detach()"),
    "calls-leave-no-state": ("y = self.conv(x)", "y = self.conv(x); self.conv.bias.data += 1"),
    "compiles-as-one-graph": ("y = self.conv(x)", "y = self.conv(x) if x.sum() > 1e9 else self.conv(x)"),
    "scripts": ("return torch.relu(y)", "return (lambda z: torch.relu(z))(y)"),
    "exports": ("y = self.conv(x)", "y = self.conv(x) if x.sum() > 1e9 else self.conv(x)"),
}  # fmt: skip


@pytest.fixture
def outcomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[dict[str, str]]:
    old, new = request.param
    assert old in SOUND
    install(tmp_path, "cvp-foo", SOUND.replace(old, new))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    registry.rediscover()
    yield {outcome.check: outcome.found and f"{outcome.found} | {outcome.mend}" for outcome in run_checks(["foonet"])}
    sys.modules.pop("cvp_foo", None)
    monkeypatch.undo()
    registry.rediscover()


@pytest.mark.parametrize("outcomes", [("314", "314")], indirect=True)
def test_a_sound_plugin_passes_every_check(outcomes: dict[str, str]) -> None:
    assert {check: found for check, found in outcomes.items() if found} == {}


@pytest.mark.parametrize("outcomes, check", [(fault, check) for check, fault in FAULTS.items()], indirect=["outcomes"])
def test_a_planted_fault_is_found_with_advice(outcomes: dict[str, str], check: str) -> None:
    assert outcomes[check]
    assert outcomes[check].rpartition(" | ")[2]
