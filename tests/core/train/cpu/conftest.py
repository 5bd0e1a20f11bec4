"""What the tests of our norms share."""

from __future__ import annotations

from typing import Any

import pytest

from cvp_core.train.cpu import norm


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each norm that was ours, whether it was computed with its ReLU from the start."""
    found: list[bool] = []
    apply = norm._Norm.apply

    def noted(*arguments: Any) -> Any:
        found.append(arguments[-1])
        return apply(*arguments)

    monkeypatch.setattr(norm._Norm, "apply", noted)
    return found
