from __future__ import annotations

import json
from pathlib import Path

import pytest

from cvp_core import create_model, save
from cvp_core.errors import ConfigError, UnknownNameError, WeightsError
from cvp_core.subject import Subject, find_subject


def test_names_are_models_or_weights_and_a_size_is_checked(tmp_path: Path) -> None:
    assert find_subject("squeezenet1_1", (40, 48)).input_size == (3, 40, 48)
    model = create_model("linear", num_classes=3)
    save(tmp_path / "digits.safetensors", model, classes=("a", "b", "c"))
    subject = find_subject(str(tmp_path / "digits.safetensors"))
    assert (subject.label, subject.input_size) == ("digits", (1, 28, 28))
    assert subject == Subject.from_json(json.loads(json.dumps(subject.to_json())))
    assert subject.build().num_classes() == 3
    assert find_subject("digits", weights_dir=tmp_path).weights == subject.weights
    with pytest.raises(ConfigError, match="was trained for 28x28 pixels only"):
        find_subject("digits", (32, 32), tmp_path)
    with pytest.raises(ConfigError, match="at least 17x17 pixels, given 8x8"):
        find_subject("squeezenet1_1", (8, 8))
    with pytest.raises(UnknownNameError, match="Did you mean 'densenet121'"):
        find_subject("densnet121")


def test_subject_is_built_the_same_each_time() -> None:
    import torch

    subject = find_subject("linear")
    first, second = subject.build().state_dict(), subject.build().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_weights_that_take_any_size_are_measured_at_the_one_that_is_asked_for(tmp_path: Path) -> None:
    save(tmp_path / "small.safetensors", create_model("squeezenet1_1", num_classes=2), classes=("a", "b"))
    assert find_subject(str(tmp_path / "small.safetensors"), (40, 48)).input_size == (3, 40, 48)
    with pytest.raises(WeightsError, match="no weights file"):
        find_subject(str(tmp_path / "smal.safetensors"))
