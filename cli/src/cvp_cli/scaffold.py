"""A new plugin package, complete and installable, from templates."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from cvp_core.errors import ConfigError, OutputError

__all__ = ["write_plugin"]

# Template: where it goes in the new package.
_FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "init.py.txt": "src/cvp_$module/__init__.py",
    "variants.py.txt": "src/cvp_$module/variants.py",
    "model.py.txt": "src/cvp_$module/model.py",
    "test.py.txt": "tests/test_$module.py",
    "ci.yml.txt": ".github/workflows/test.yml",
}


def write_plugin(name: str, parent: Path) -> list[Path]:
    """Writes the package cvp-`name` into a new folder of `parent` and returns its files.

    Raises ConfigError for a name that cannot be a package, OutputError for a folder that is there already or
    cannot be written.
    """
    name = name.removeprefix("cvp-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ConfigError(f"'{name}' is no plugin name; allowed are lower-case letters, digits and single '-'")
    module = name.replace("-", "_")
    release = ".".join(version("cvp-core").split(".")[:2])
    values = {"name": name, "module": module, "model": module, "title": module.title(), "core": release}
    root = parent / f"cvp-{name}"
    written = []
    try:
        root.mkdir(parents=True)
        for template, target in _FILES.items():
            text = (files("cvp_cli") / "templates" / "plugin" / template).read_text(encoding="utf-8")
            path = root / Template(target).substitute(values)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(text).substitute(values), encoding="utf-8")
            written.append(path)
        marker = root / f"src/cvp_{module}/py.typed"
        marker.touch()
    except FileExistsError:
        raise OutputError(f"{root} is there already; remove it or choose another name or --into") from None
    except OSError as error:
        raise OutputError(f"cannot write {root}: {error.strerror}; choose another folder by --into") from error
    return [*written, marker]
