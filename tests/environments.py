"""New virtual environments, and wheels made by hand: what tests install plugins into, and from, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Environment", "write_wheel"]


class Environment:
    """A new virtual environment that sees what this one has installed, its pip too, and changes none of it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.folder = folder
        self.python = folder / "bin" / "python"
        inherited = Path(sysconfig.get_path("purelib"))
        site = next(folder.glob("lib/python3*/site-packages"))
        (site / "inherited.pth").write_text(f"import site; site.addsitedir({str(inherited)!r})\n")

    @property
    def variables(self) -> dict[str, str]:
        """Those of the caller without their settings of cvp and pip, their own names of data sets and all; one thread;
        its commands first on PATH.

        pip does not look for conflicts among what was there before, which takes it 2 s a run.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CVP_", "PIP_"))}
        return {
            **kept,
            "CVP_CONFIG": str(self.folder / "config"),
            "OMP_NUM_THREADS": "1",
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_WARN_CONFLICTS": "1",
        }

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [str(self.python), *arguments], capture_output=True, text=True, check=False, cwd=cwd, env=environment
        )

    def cvp(self, *arguments: str) -> str:
        done = self.run("-m", "cvp_cli", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--python", str(self.python), *arguments]
        subprocess.run(command, check=True, capture_output=True)


def write_wheel(
    folder: Path, name: str, version: str, source: str, *, requires: Sequence[str] = (), is_plugin: bool = True
) -> Path:
    """A wheel of one module."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{module}.py", source)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        if is_plugin:
            wheel.writestr(f"{info}/entry_points.txt", f"[cvp]\n{module} = {module}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path
