"""Wilson's interval, against scipy's and against what it promises."""

from __future__ import annotations

import pytest
from scipy.stats import binom, binomtest

from cvp_core.interval import wilson_interval


@pytest.mark.parametrize("hits, samples", [(0, 8), (8, 8), (159, 160), (8917, 10_000), (1, 2)])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_the_interval_is_that_of_scipy(hits: int, samples: int, confidence: float) -> None:
    expected = binomtest(hits, samples).proportion_ci(confidence, method="wilson")
    assert wilson_interval(hits, samples, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_it_holds_the_truth_about_as_often_as_it_says() -> None:
    """Over all that may come out of 200 pictures at a true accuracy of 0.9, weighed by how likely that is."""
    covered = 0.0
    for hits in range(201):
        low, high = wilson_interval(hits, 200)
        covered += binom.pmf(hits, 200, 0.9) * (low <= 0.9 <= high)
    assert covered == pytest.approx(0.95, abs=0.015)


def test_no_picture_tells_nothing_and_more_hits_than_pictures_are_refused() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 hits of 2 samples"):
        wilson_interval(3, 2)
