"""The conformance suite on every model of the workspace's own families."""

from __future__ import annotations

import cvp_core
from cvp_core.testing import ModelConformance


class TestEveryModel(ModelConformance):
    models = tuple(spec.name for spec in cvp_core.list_models() if "/" not in spec.name)
