"""The conformance suite on every model that is installed.

The three checks that compile take up to a minute for a deep network. They run on every DenseNet and classic net and on
the default and the smallest net of each other family, whose variants share one builder; all others run on all models.
"""

from __future__ import annotations

import cvp_core
from cvp_core.testing import CHECKS, ModelConformance

COMPILING = tuple(check for check in CHECKS if check.name in ("scripts", "compiles-as-one-graph", "exports"))
SPECS = cvp_core.list_models()


def compiled_models() -> list[str]:
    smallest = {}
    for spec in sorted(SPECS, key=lambda spec: -spec.parameters):
        smallest[spec.family] = spec.name
    return [
        spec.name
        for spec in SPECS
        if spec.family in ("classic", "densenet") or spec.default or smallest[spec.family] == spec.name
    ]


class TestEveryModel(ModelConformance):
    models = "*"
    checks = tuple(check for check in CHECKS if check not in COMPILING)


class TestCompiledModel(ModelConformance):
    models = compiled_models()
    checks = COMPILING
