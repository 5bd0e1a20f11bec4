"""The MLflow tracker: what it tells a client that stands in for MLflow, and that it is quiet otherwise."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cvp_core.errors import NotInstalledError
from cvp_core.plugins import discover
from cvp_core.registry import rediscover
from cvp_core.train import TrainConfig
from cvp_core.train.events import EpochResult

MEMBER = Path(__file__).parents[2] / "plugins" / "mlflow"
PLAN: Any = SimpleNamespace(
    config=TrainConfig("oneconv", "birds", learning_rate=0.0123), parameters=42, device="cpu", precision="float32"
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The member as pip would install it: its source, and metadata with the entry points of its pyproject."""
    project = tomllib.loads((MEMBER / "pyproject.toml").read_text())["project"]
    info = tmp_path / "site" / "cvp_mlflow-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    entries = "\n".join(f"{name} = {target}" for name, target in project["entry-points"]["cvp"].items())
    (info / "entry_points.txt").write_text(f"[cvp]\n{entries}\n")
    for folder in (info.parent, MEMBER / "src"):
        monkeypatch.syspath_prepend(str(folder))
    rediscover()
    yield
    rediscover()


class FakeMlflow(ModuleType):
    """Remembers its calls, with the names and arguments of MLflow's fluent API."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.calls: list[tuple[str, Any, Any]] = []
        self.runs: list[str] = []
        self.exceptions = SimpleNamespace(MlflowException=RuntimeError)

    def start_run(self, run_id: str | None = None, *, run_name: str | None = None) -> Any:
        if run_id is not None and run_id not in self.runs:
            raise self.exceptions.MlflowException(f"Run '{run_id}' not found")
        if run_id is None:
            run_id = f"run{len(self.runs)}"
            self.runs.append(run_id)
        self.calls.append(("start_run", run_name, run_id))
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id))

    def log_params(self, params: dict[str, Any]) -> None:
        self.calls.append(("log_params", params, None))

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.calls.append(("log_metrics", metrics, step))

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        self.calls.append(("log_artifacts", local_dir, artifact_path))

    def end_run(self, status: str = "FINISHED") -> None:
        self.calls.append(("end_run", status, None))


def trackers() -> list[Any]:
    (plugin,) = (plugin for plugin in discover() if plugin.distribution == "cvp-mlflow")
    assert plugin.error is None or plugin.error == ""
    return list(plugin.collect("cvp_callbacks"))


@pytest.fixture
def fake(installed: None, monkeypatch: pytest.MonkeyPatch) -> FakeMlflow:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    client = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", client)
    return client


def test_a_run_is_told_from_its_settings_to_its_files(fake: FakeMlflow, tmp_path: Path) -> None:
    (tracker,) = trackers()
    assert fake.calls == []
    run = tmp_path / "2026-11-22_10-00-00_oneconv-birds"
    run.mkdir()
    nan = float("nan")
    tracker.on_start(PLAN, run)
    tracker.on_epoch(EpochResult(1, 1.5, 0.25, 2.0, 0.5, 1e-3, 3.0, True))
    tracker.on_epoch(EpochResult(2, 1.0, 0.5, nan, nan, 5e-4, 3.0, True))
    tracker.on_end(SimpleNamespace(run=run, best_epoch=1, top1=0.5, test_top1=None, was_interrupted=False))
    (start, params, first, second, results, files, end) = fake.calls
    assert start[:2] == ("start_run", run.name)
    assert params[0] == "log_params"
    assert params[1].items() >= {"model": "oneconv", "learning_rate": 0.0123, "parameters": 42}.items()
    assert first[0] == "log_metrics"
    assert first[2] == 1
    assert first[1]["val_accuracy"] == 0.5
    assert first[1]["train_loss"] == 1.5
    assert second[1:] == (
        {"train_loss": 1.0, "train_accuracy": 0.5, "learning_rate": 5e-4, "seconds": 3.0},
        2,
    )
    assert results[1] == {"best_epoch": 1.0, "top1": 0.5}
    assert files == ("log_artifacts", str(run), None)
    assert end == ("end_run", "FINISHED", None)


def test_a_run_that_was_stopped_is_marked_so(fake: FakeMlflow, tmp_path: Path) -> None:
    (tracker,) = trackers()
    tracker.on_start(PLAN, tmp_path)
    tracker.on_end(SimpleNamespace(run=tmp_path, best_epoch=0, top1=None, test_top1=None, was_interrupted=True))
    assert fake.calls[-1] == ("end_run", "KILLED", None)


def test_a_resumed_run_goes_on_in_its_own_mlflow_run_where_the_server_has_it(fake: FakeMlflow, tmp_path: Path) -> None:
    for _ in range(2):
        (tracker,) = trackers()
        tracker.on_start(PLAN, tmp_path)
    assert [call[0] for call in fake.calls] == ["start_run", "log_params", "start_run"]
    assert fake.calls[2] == ("start_run", None, "run0")
    fake.runs.clear()
    (tracker,) = trackers()
    tracker.on_start(PLAN, tmp_path)
    assert [call[0] for call in fake.calls[3:]] == ["start_run", "log_params"]


def test_without_a_tracking_uri_there_is_no_tracker(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert trackers() == []


def test_where_mlflow_is_missing_the_pip_command_is_told(fake: FakeMlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # makes its import fail
    (tracker,) = trackers()
    with pytest.raises(NotInstalledError, match="pip install mlflow-skinny"):
        tracker.on_start(PLAN, Path("run"))


def test_importing_and_asking_it_imports_neither_mlflow_nor_torch() -> None:
    watch = (
        "import sys\nimport cvp_mlflow\nassert len(cvp_mlflow.cvp_callbacks()) == 1\n"
        "assert not {'mlflow', 'torch'} & set(sys.modules)"
    )
    environment = {"PYTHONPATH": str(MEMBER / "src"), "MLFLOW_TRACKING_URI": "http://localhost:1", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
