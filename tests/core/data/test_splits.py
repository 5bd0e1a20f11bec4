"""Stratified splits: what must hold for any labels, and numbers that are fixed for good."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvp_core.data import ArraySet, DataSplits, stratified, with_validation
from cvp_core.errors import ConfigError, DataError

labels_of_any_kind = st.lists(st.integers(0, 9), min_size=1, max_size=200)
fractions = st.floats(0.01, 0.99)


def splits(labels: list[int]) -> DataSplits:
    pixels = np.zeros((len(labels), 4, 4), np.uint8)
    return DataSplits("toy", tuple("abcdefghij"), ArraySet(pixels, labels), None, None, "memory")


@given(labels_of_any_kind, fractions, st.integers(0, 2**40))
def test_every_index_is_on_exactly_one_side(labels, fraction, seed):
    train, val = stratified(labels, fraction, seed)
    assert sorted([*train, *val]) == list(range(len(labels)))
    assert train.dtype == val.dtype == np.int64


@given(labels_of_any_kind, fractions)
def test_each_class_gives_its_share_within_one_and_keeps_one_on_each_side(labels, fraction):
    values = np.array(labels)
    val = stratified(labels, fraction, 0)[1]
    for label in set(labels):
        count, taken = (values == label).sum(), (values[val] == label).sum()
        if count == 1:
            assert taken == 0
        else:
            assert 1 <= taken <= count - 1
            assert math.floor(count * fraction) - 1 <= taken <= math.ceil(count * fraction) + 1


@given(st.lists(st.integers(20, 60), min_size=1, max_size=8), st.floats(0.05, 0.95))
def test_the_total_is_the_rounded_share_where_every_class_is_large_enough(counts, fraction):
    labels = np.repeat(np.arange(len(counts)), counts)
    assert len(stratified(labels, fraction, 0)[1]) == round(float((np.array(counts) * fraction).sum()))


@given(labels_of_any_kind, fractions, st.integers(0, 1000))
def test_the_same_seed_gives_the_same_split(labels, fraction, seed):
    first, second = stratified(labels, fraction, seed), stratified(labels, fraction, seed)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_another_seed_gives_another_split():
    labels = [0, 1] * 50
    assert stratified(labels, 0.2, 0)[1].tolist() != stratified(labels, 0.2, 1)[1].tolist()


def test_the_split_is_the_same_on_every_machine():
    # From this implementation's first run; a change here would move pictures between train and validation
    # of everyone's runs.
    assert stratified([0] * 10 + [1] * 10, 0.2, 0)[1].tolist() == [2, 3, 11, 13]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, math.nan, math.inf])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(ConfigError, match="more than 0 and less than 1"):
        stratified([0, 1], fraction, 0)


def test_a_negative_seed_is_refused():
    with pytest.raises(ConfigError, match="seed -1"):
        stratified([0, 1], 0.5, -1)


def test_validation_is_taken_out_of_train():
    result = with_validation(splits([0, 1] * 10), 0.2, 0)
    assert (len(result.train), len(result.val)) == (16, 4)
    assert sorted(result.val.labels) == [0, 0, 1, 1]
    names = {s.name(i) for s in (result.train, result.val) for i in range(len(s))}
    assert len(names) == 20


def test_an_existing_validation_set_is_kept():
    first = with_validation(splits([0, 1] * 10), 0.2, 0)
    assert with_validation(first, 0.5, 1) is first


def test_classes_of_one_picture_each_leave_nothing_to_validate():
    with pytest.raises(DataError, match="no class has two pictures"):
        with_validation(splits([0, 1, 2]), 0.2, 0)
