"""The conformance suite on every model of the workspace's own families, the smallest of each family first."""

from __future__ import annotations

import cvp_core
from cvp_core.testing import ModelConformance

SPECS = sorted(cvp_core.list_models(), key=lambda spec: (spec.family, spec.parameters))


class TestEveryModel(ModelConformance):
    models = tuple(spec.name for spec in SPECS if "/" not in spec.name)
