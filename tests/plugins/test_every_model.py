"""The conformance suite on every model of the workspace's own families, the smallest of each family first.

A class for each family: one process runs a class, and models of a family share what is shown of their code.
"""

from __future__ import annotations

import cvp_core
from cvp_core.testing import ModelConformance

FAMILIES: dict[str, list[str]] = {}
for spec in sorted(cvp_core.list_models(), key=lambda spec: spec.parameters):
    if "/" not in spec.name:
        FAMILIES.setdefault(spec.family, []).append(spec.name)

for family, names in FAMILIES.items():
    title = f"Test{family.title()}"
    globals()[title] = type(title, (ModelConformance,), {"models": tuple(names), "__module__": __name__})


def test_every_family_has_a_class() -> None:
    assert {"TestDensenet", "TestResnet", "TestDpn", "TestVgg", "TestMobilenet"} <= globals().keys()
