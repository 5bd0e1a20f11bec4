"""`cvp weights`: what is listed, pulled, shown and found, on screen and in JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import Hub, foonet_file, installed_foonet, serving

import cvp_core
from cvp_cli.main import main

CONTENT, DIGEST = foonet_file()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with serving() as running:
        running.site = tmp_path_factory.mktemp("site")
        with installed_foonet(running.site, ("HUB_V2", f"{running.url}/files/foo.pth", DIGEST)):
            yield running


@pytest.fixture
def hub(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """foonet.hub_v2 is published, lenet-digits is in the store."""
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CVP_OFFLINE", raising=False)
    server.files = {"/files/foo.pth": CONTENT}
    server.requests.clear()
    digits = [str(digit) for digit in range(10)]
    path = tmp_path / "weights" / "lenet-digits.safetensors"
    cvp_core.save(path, cvp_core.create_model("lenet"), classes=digits, metrics={"top1": 0.971})
    return server


def run(capsys: pytest.CaptureFixture[str], *line: str) -> str:
    assert main(["weights", *line]) == 0
    return capsys.readouterr().out


def test_list_shows_what_is_published_as_it_is_typed(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    head, row, foot = run(capsys, "list", "foonet").splitlines()
    assert head.split() == ["NAME", "TOP-1", "INPUT", "CLASSES", "SIZE", "HERE", "SOURCE", "LICENCE"]
    assert row.split() == ["foonet.hub_v2", "61.5", "%", "3x8x8", "3", "540", "B", "-", "foolib", "MIT"]
    assert foot.startswith("1 file for 1 model")
    run(capsys, "pull", "foonet")
    assert " yes " in run(capsys, "list", "foonet")


def test_list_as_json_has_all_facts(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(run(capsys, "list", "foo*", "--json"))
    assert row == {
        "name": "foonet.hub_v2",
        "model": "foonet",
        "weights": "HUB_V2",
        "distribution": "cvp-foo",
        "top1": 0.615,
        "top5": None,
        "input_size": [3, 8, 8],
        "classes": 3,
        "licence": "MIT",
        "source": "foolib",
        "url": f"{hub.url}/files/foo.pth",
        "sha256": DIGEST,
        "here": False,
        "path": None,
        "size_bytes": None,
    }
    assert json.loads(run(capsys, "list", "nothing*", "--json")) == []


@pytest.mark.parametrize(
    "pattern, message",
    [("foonet_bare", "import FILE --model MODEL"), ("foonett", "Did you mean 'foonet'")],
)
def test_a_pattern_without_weights_says_what_to_do(
    hub: Hub, capsys: pytest.CaptureFixture[str], pattern: str, message: str
) -> None:
    assert main(["weights", "list", pattern]) == 2
    assert message in capsys.readouterr().err


def test_list_here_shows_trained_and_pulled(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "pull", "foonet")
    (tmp_path / "weights" / "broken.safetensors").write_bytes(b"")
    rows = [line.split() for line in run(capsys, "list", "--here").splitlines()]
    assert rows[1][:2] == ["broken", "unknown"]
    assert rows[2][:6] == ["lenet-digits", "trained", "lenet", "10", "97.1", "%"]
    assert rows[3][:6] == ["foonet.hub_v2", "pulled", "foonet", "3", "61.5", "%"]
    named = {row["name"]: row for row in json.loads(run(capsys, "list", "--local", "--json"))}
    assert named["lenet-digits"]["path"] == str(tmp_path / "weights" / "lenet-digits.safetensors")
    assert named["foonet.hub_v2"]["classes"] == ["ant", "bee", "cat"]
    assert "is empty" in named["broken"]["error"]


def test_pull_says_where_it_is_and_shows_one_line_without_a_terminal(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cache" / "pretrained" / "cvp-foo" / "foonet.hub_v2.safetensors"
    assert main(["weights", "pull", "foonet.hub_v2"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].startswith(f"pulled  foonet.hub_v2  {path} (")
    assert said.err.count("downloading foonet.hub_v2.foo.pth (") == 1
    assert run(capsys, "pull", "foonet").startswith("here already  foonet.hub_v2")
    (row,) = json.loads(run(capsys, "pull", "foonet", "--json"))
    assert row == {"name": "foonet.hub_v2", "path": str(path), "size_bytes": path.stat().st_size, "was_here": True}
    assert hub.delivered == ["/files/foo.pth"]


def test_a_mistake_in_the_second_name_is_found_before_the_first_is_pulled(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "pull", "foonet", "foonet.hub_v3"]) == 2
    assert "Did you mean 'hub_v2'" in capsys.readouterr().err
    assert hub.requests == []


def test_offline_nothing_is_asked_for_and_the_next_command_may_again(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "pull", "foonet", "--offline"]) == 1
    assert "cvp weights import foo.pth --model foonet.hub_v2" in capsys.readouterr().err
    assert hub.requests == []
    run(capsys, "pull", "foonet")
    run(capsys, "pull", "foonet", "--offline")


def test_show_tells_what_the_header_says_and_what_parts_weigh(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "show", "lenet-digits")
    assert "lenet (cvp-classic" in out
    assert "10 classes: 0, 1, 2, 3, 4, 5, 6, 7 and 2 more" in out
    assert "top1 97.1 %" in out
    parts = [line.split()[0] for line in out.split("PART")[1].splitlines()[1:]]
    assert parts[-1] == "head"
    assert "stages.0" in parts
    document = json.loads(run(capsys, "show", "lenet-digits", "--json"))
    assert document["metrics"] == {"top1": 0.971}
    parameters = sum(row["values"] for row in document["parts"].values())
    assert parameters == sum(tensor.numel() for tensor in cvp_core.create_model("lenet").state_dict().values())


def test_path_prints_one_line_and_pulls_nothing(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "path", "lenet-digits") == f"{tmp_path / 'weights' / 'lenet-digits.safetensors'}\n"
    assert main(["weights", "path", "foonet.hub_v2"]) == 2
    assert "cvp weights pull NAME" in capsys.readouterr().err
    assert main(["weights", "path", "lenet-digit"]) == 2
    assert "Did you mean 'lenet-digits'?" in capsys.readouterr().err
    assert hub.requests == []


def test_listing_showing_and_finding_import_no_torch(hub: Hub) -> None:
    watch = (
        "import sys\nfrom cvp_cli.main import main\n"
        "lines = (['list'], ['list', '--here'], ['show', 'lenet-digits'], ['path', 'lenet-digits'],\n"
        "         ['remove', 'lenet-digits', '--yes'], ['prune', '--yes'])\n"
        "codes = [main(['weights', *line]) for line in lines]\n"
        "assert not any(codes), codes\n"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'lightning_fabric', 'timm'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    environ = {**os.environ, "PYTHONPATH": str(hub.site)}
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stderr
