"""The checks as a pytest class that a plugin's tests inherit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ..registry import find_model, list_models
from .checks import CHECKS, Check, Subject

__all__ = ["ModelConformance"]


class ModelConformance:
    """Runs `checks`, all if not said otherwise, on every model of `models`: names, or one pattern such as "foonet*"."""

    models: str | Sequence[str] = ()
    checks: Sequence[Check] = CHECKS

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if {"model", "check"} <= set(metafunc.fixturenames):
            names = self._names()
            metafunc.parametrize("model", names)  # outermost: all checks of a model share one copy
            metafunc.parametrize("check", self.checks, ids=lambda check: check.name)

    def _names(self) -> list[str]:
        if not isinstance(self.models, str):
            return [find_model(name).spec.name for name in self.models]
        names = [spec.name for spec in list_models(self.models)]
        if not names:
            raise pytest.UsageError(f"no installed model matches {self.models!r}; is the plugin installed (pip -e)?")
        return names

    def test_conforms(self, model: str, check: Check) -> None:
        check.run(Subject.of(model))
