"""The conformance suite on every model that is installed."""

from __future__ import annotations

from cvp_core.testing import ModelConformance


class TestEveryModel(ModelConformance):
    models = "*"
