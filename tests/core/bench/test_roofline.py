from __future__ import annotations

import pytest

from cvp_core.bench import Limits, Row, measure_limits
from cvp_core.errors import MachineError


def test_limits_are_measured_for_each_precision() -> None:
    limits = measure_limits(["float32", "bfloat16"], "cpu", 1, seconds=0.001)
    assert list(limits.gemm_gflops) == ["float32", "bfloat16"]
    assert all(rate > 0.1 for rate in limits.gemm_gflops.values())  # a Raspberry Pi does more
    assert limits.copy_gb_s > 0.1
    assert (limits.device, limits.threads) == ("cpu", 1)


def test_limits_that_cannot_be_measured_are_a_fault_of_the_machine() -> None:
    with pytest.raises(MachineError, match="limits of nowhere could not be measured"):
        measure_limits(["float32"], "nowhere", 1, seconds=0.001)


def test_of_two_measurements_the_higher_limit_counts() -> None:
    first = Limits({"float32": 300.0, "bfloat16": 900.0}, 20.0, "cpu", 2)
    second = Limits({"float32": 200.0, "bfloat16": 2000.0}, 21.0, "cpu", 2)
    assert first.better(second) == Limits({"float32": 300.0, "bfloat16": 2000.0}, 21.0, "cpu", 2)


def test_share_of_the_limit_counts_two_operations_a_multiply_accumulate() -> None:
    # densenet121: 2.87 G multiply-accumulates; 28.5 images/s beside 327 GFLOP/s is half of what the machine can do.
    row = Row("densenet121", "any", "float32", "cpu", 16, images_per_s=28.5, gflop_per_image=2 * 2.87)
    assert row.beside({"float32": 327.0}).share_of_gemm == pytest.approx(0.5, abs=0.005)
    assert row.beside({"bfloat16": 2190.0}).share_of_gemm is None
