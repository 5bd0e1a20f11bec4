"""The model card's text: what it says of doubtful results, of licences, of many classes and of evil names."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

import cvp_core
from cvp_core.evaluate import Evaluation
from cvp_core.report.card import render_card
from cvp_core.report.card_facts import CardFacts, DataFacts, Parent
from cvp_core.train import TrainConfig
from cvp_core.train.events import EpochResult
from cvp_core.weights.format import make_header


def facts(**changes: object) -> CardFacts:
    """Those of a net of three classes, the second of which is not to be believed."""
    labels = torch.arange(300) % 3
    guesses = torch.where((labels == 1) & (torch.arange(300) % 2 == 0), torch.tensor(2), labels)
    top1 = (labels == guesses).float().mean().item()
    evaluation = Evaluation(top1, 1.0, 0.5, 300, labels, guesses, torch.full((300,), 0.75), 3)
    model = cvp_core.create_model("linear", num_classes=3)
    header = make_header(model, ("first", "second", "third"), metrics={"top1": top1})
    data = DataFacts("shades", counts={"train": np.array([10, 20, 30]), "test": np.array([100, 100, 100])})
    return replace(CardFacts("linear-shades", header, None, data, evaluation=evaluation, split="test"), **changes)


def test_painted_pictures_are_said_twice() -> None:
    text = render_card(facts(data=DataFacts("birds", is_synthetic=True)))
    assert "painted by a program" in text.partition("## Model")[0]
    assert "what it does on photographs is not known" in text.partition("## Limits")[2]


def test_it_says_when_the_measured_pictures_chose_the_epoch() -> None:
    assert "also chose the best epoch" in render_card(facts(split="validation"))
    assert "also chose the best epoch" not in render_card(facts())


def test_mistakes_and_calibration_are_those_of_the_answers() -> None:
    text = render_card(facts())
    assert "second taken for third (50, 50.0 % of its class)" in text
    assert "| second | 20 | 100 | 100.0 % | 50.0 % | 66.7 % |" in text
    # 250 of 300 right, all claimed with 0.75.
    assert "calibration error (ECE) | 8.3 %; it claims 75.0 % on average and is right in 83.3 %" in text


def test_of_a_thousand_classes_the_worst_ten_are_shown() -> None:
    labels = torch.arange(5000) % 1000
    guesses = torch.where(labels < 20, labels + 1, labels)
    evaluation = Evaluation(0.98, 1.0, 0.1, 5000, labels, guesses, torch.full((5000,), 0.9), 1000)
    header = replace(facts().header, classes=tuple(f"class {index}" for index in range(1000)))
    text = render_card(facts(header=header, evaluation=evaluation, data=DataFacts("many")))
    assert "The worst 10 of 1000 classes" in text
    assert "| class 0 |" in text
    assert len(text) < 6000


def test_names_cannot_become_markup_or_other_fields() -> None:
    evil = ("a|b<script>*x*", "`c`\n# heading", "[link](http://x)")
    given = facts(header=replace(facts().header, classes=evil), title='x": y\n---\n# y')
    text = render_card(given)
    assert "<script>" not in re.sub(r"\\.", "", text)
    assert "\n# heading" not in text
    _, matter, _ = text.split("---\n", 2)
    assert yaml.safe_load(matter)["model-index"][0]["name"] == 'x": y --- # y'


@pytest.mark.parametrize("licence, expected", [("BSD-3-Clause", "bsd-3-clause"), ("", "unknown"), ("Own-1", "other")])
def test_the_licence_is_that_of_the_weights_it_began_from(licence: str, expected: str) -> None:
    text = render_card(
        facts(parent=Parent("resnet50.a1_in1k", licence, "hf://timm/resnet50.a1_in1k/model.safetensors"))
    )
    read = yaml.safe_load(text.split("---\n")[1])
    assert (read["license"], read["base_model"]) == (expected, "timm/resnet50.a1_in1k")
    assert (f"licence {licence}" if licence else "licence unknown") in text
    assert ("is not known" in text.partition("## Limits")[2]) == (not licence)


def test_flags_of_the_command_are_those_of_cvp_train() -> None:
    from cvp_cli.commands.train import command
    from cvp_core.report.repeat import FLAGS

    options = {parameter.name: parameter.opts for parameter in command.params}
    assert {name: flag for name, flag in FLAGS.items() if flag not in options.get(name, ())} == {}


def test_without_validation_it_says_that_nothing_was_measured() -> None:
    given = facts(header=replace(facts().header, metrics={"top1": float("nan")}), evaluation=None)
    text = render_card(given)
    assert "Nothing was measured." in text
    assert "model-index" not in text
    assert not re.search(r"\bnan\b", text)


def test_a_run_that_stopped_early_says_so() -> None:
    history = [EpochResult(epoch, 1.0, 0.5, 1.0, 0.5, 1e-3, 1.0, epoch == 1) for epoch in (1, 2)]
    given = facts(config=TrainConfig("linear", "shades", epochs=5), history=history, seconds=200.0)
    assert "Trained for 2 of 5 epochs in 3 min 20 s, the weights of epoch 1 kept." in render_card(given)
