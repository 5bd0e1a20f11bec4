"""Several processes that share one network out: the same course as one process that has all of it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from core.train import test_processes
from core.train.test_processes import alone, launch, pictures, rows, training  # noqa: F401 - pictures is a fixture
from safetensors.torch import load_file

from cvp_cli.main import main
from cvp_core.building import create_model
from cvp_core.errors import ConfigError
from cvp_core.train import loop, plan, results
from cvp_core.train.config import TrainConfig
from cvp_core.train.sharded import check_shareable

# 33 pictures to train on and 17 to validate: one process has a batch more of these than the other.
SETTINGS = [
    "--set", "strategy=fsdp", "--set", "val_fraction=0.34", "--set", "ema=0.9", "--set", "clip_norm=0.5",
    "--set", "grad_accum=2", "--set", "optimizer=adamw",
]  # fmt: skip
STEPS = 4  # of an epoch
# One start of both processes does everything that two have to do: it is what takes the time.
SCRIPT = """
import json, os, signal, sys
import torch
from cvp_core.train import loop, pace, results
from cvp_cli.main import main
results.draw = lambda *arguments: []
real, done, states = loop.take_step, [], []
def step(state, *arguments):
    real(state, *arguments)
    states[:] = [state]
    done.append(state)
    if len(done) == stop_after:
        os.kill(os.getpid(), signal.SIGINT)
loop.take_step = step
pace._STEPS_BETWEEN_AGREEMENTS = 1
for folder, stop_after, wanted, arguments in json.loads(sys.argv[1]):
    os.chdir(folder)
    done.clear()
    assert main(arguments) == wanted
    (state,) = states
    parts = list(state.model.parameters()), list(state.average.model.parameters())
    moments = [moment["exp_avg"] for moment in state.optimizer.state.values()]
    held = {name: sum(one.to_local().numel() for one in tensors)
            for name, tensors in zip(("parameters", "average", "moments"), (*parts, moments))}
    state.kept.register_buffer("rank", torch.tensor(float(os.environ["RANK"])))
    state.begin_evaluation()
    with open(f"held-{os.environ['RANK']}.json", "w") as file:
        json.dump({**held, "all": sum(one.numel() for one in parts[0]), "statistics": state.kept.rank.item()}, file)
"""


@pytest.fixture
def command(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: F811
    """Two stages and a head; no norms, whose statistics would be those of each process's own pictures."""
    monkeypatch.setattr(test_processes, "SCRIPT", SCRIPT)
    monkeypatch.setattr(results, "draw", lambda *arguments: [])  # pictures are not what this is about
    return ["train", "multilayer_cnn", *training(pictures)[2:], *SETTINGS]


def stopped_alone(folder: Path, monkeypatch: pytest.MonkeyPatch, after: int, *arguments: str) -> None:
    done, real = [0], loop.take_step

    def step(*parts: object) -> None:
        real(*parts)  # type: ignore[arg-type]
        done[0] += 1
        if done[0] == after:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(loop, "take_step", step)
        assert main(list(arguments)) == 130


def resuming(folder: Path) -> list[str]:
    (run,) = (folder / "runs").iterdir()
    return ["train", "--resume", str(run)]


@pytest.mark.slow
def test_two_processes_with_a_part_each_train_as_one_does_and_either_resumes_what_the_other_began(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, first, last = folders = [tmp_path / name for name in ("one", "parts_first", "parts_last")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv("CVP_WEIGHTS", str(one))
    alone(one, monkeypatch, *command)
    monkeypatch.setenv("CVP_WEIGHTS", str(last))
    stopped_alone(last, monkeypatch, STEPS, *command)  # so that the two begin with a validation
    work = [(str(last), 0, 0, resuming(last)), (str(first), STEPS + 2, 130, command)]
    both = launch(tmp_path, 2, json.dumps(work))
    assert both.returncode == 0, both.stderr[-2000:]
    alone(first, monkeypatch, *resuming(first))
    for folder in (first, last):
        assert len(rows(folder)) == len(rows(one)) == 3
        for mine, theirs in zip(rows(one), rows(folder), strict=True):
            for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate"):
                assert float(theirs[key]) == pytest.approx(float(mine[key]), abs=1e-4), (folder, key)
        held = [json.loads((folder / f"held-{rank}.json").read_text()) for rank in range(2)]
        assert [process["statistics"] for process in held] == [0, 0]
        for kind in ("parameters", "average", "moments"):
            assert sum(process[kind] for process in held) == held[0]["all"]
            assert max(process[kind] for process in held) < 0.51 * held[0]["all"], (folder, kind)
    wholes = [load_file(next(folder.glob("*.safetensors"))) for folder in (one, last)]
    assert wholes[0].keys() == wholes[1].keys()
    for name, tensor in wholes[0].items():
        torch.testing.assert_close(wholes[1][name], tensor, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": "backbone"}, "keeps no features of a frozen backbone; --set cache_features=false computes"),
        ({"freeze": "stage:2", "unfreeze_at": 1}, "keeps no features"),
        ({"precision": "float16", "device": "cuda"}, "computes in float32 or bfloat16, not in float16"),
    ],
)
def test_what_cannot_be_done_in_parts_is_told_before_anything_is_computed(
    noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], message: str
) -> None:
    from cvp_core.train import planning

    monkeypatch.setattr(planning, "pick_device", lambda wanted: "cpu" if wanted == "auto" else wanted)
    given = {"model": "multilayer_cnn", "data": str(noise), "strategy": "fsdp", **settings}
    with pytest.raises(ConfigError, match=message):
        plan(given, runs_dir=tmp_path / "runs", store=tmp_path / "weights")
    plan({**given, "cache_features": False, "precision": "float32"}, runs_dir=tmp_path, store=tmp_path)


def test_a_network_with_a_single_number_among_its_parameters_is_refused() -> None:
    model = create_model("multilayer_cnn", num_classes=2)
    config = TrainConfig("multilayer_cnn", "noise", strategy="fsdp")
    check_shareable(model, config)
    model.head.register_parameter("scale", torch.nn.Parameter(torch.tensor(1.0)))
    with pytest.raises(ConfigError, match=r"single numbers such as head\.scale"):
        check_shareable(model, config)
