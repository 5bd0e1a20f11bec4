"""Who may import whom (DESIGN.md, "Import rules"), read from the sources of all members."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PUBLIC_MODULES = (
    "cvp_core",
    "cvp_core.blocks",
    "cvp_core.errors",
    "cvp_core.foreign",
    "cvp_core.testing",
    "cvp_core.train",
    "cvp_core.weights",
)


@dataclass(frozen=True)
class Import:
    """`from module import name`, or `import module` with name "". `is_eager`: importing the file runs it."""

    module: str
    name: str
    line: int
    is_eager: bool

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


def sources(package: Path) -> dict[str, Path]:
    """Module name to file, of the package in that folder."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


PLUGINS = {folder.name: sources(folder) for folder in ROOT.glob("plugins/*/src/cvp_*")}
CORE = sources(ROOT / "core/src/cvp_core")
CLI = sources(ROOT / "cli/src/cvp_cli")
ALL = CORE | CLI | {name: path for modules in PLUGINS.values() for name, path in modules.items()}


def imports(name: str) -> list[Import]:
    """All imports of a module, relative ones resolved."""
    path = ALL[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return list(_walk(ast.parse(path.read_text()), package, is_eager=True))


def _walk(node: ast.AST, package: str, is_eager: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, "", child.lineno, is_eager) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = package.rsplit(".", child.level - 1)[0] if child.level else ""
            module = ".".join(filter(None, (base, child.module)))
            yield from (Import(module, alias.name, child.lineno, is_eager) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _walk(ast.Module(child.body, []), package, is_eager=False)
            yield from _walk(ast.Module(child.orelse, []), package, is_eager)
        else:
            is_body = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, package, is_eager and not is_body)


def public_names(module: str) -> set[str]:
    """The module's `__all__`, read without importing it."""
    for node in ast.parse(ALL[module].read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def target(found: Import) -> str:
    """The module of ours that an import reaches; "" for a stranger."""
    inner = f"{found.module}.{found.name}"
    return inner if inner in ALL else found.module if found.module in ALL else ""


@pytest.mark.parametrize("plugin", sorted(PLUGINS))
def test_plugin_imports_only_itself_and_public_names_of_core(plugin: str) -> None:
    for name in PLUGINS[plugin]:
        for found in imports(name):
            if not found.package.startswith("cvp_") or found.package == plugin:
                continue
            where = f"{name}:{found.line} imports {found.module} {found.name}"
            assert found.module in PUBLIC_MODULES, where
            if found.name and f"{found.module}.{found.name}" not in PUBLIC_MODULES:
                assert found.name in public_names(found.module), where


@pytest.mark.parametrize("plugin", sorted(PLUGINS))
def test_plugin_that_is_listed_imports_no_torch(plugin: str) -> None:
    for name in (plugin, f"{plugin}.variants"):
        if name in ALL:
            assert not [found for found in imports(name) if found.package == "torch" and found.is_eager]


def test_the_command_line_imports_core_and_never_a_plugin() -> None:
    packages = {found.package for name in CLI for found in imports(name) if found.package.startswith("cvp_")}
    assert packages == {"cvp_cli", "cvp_core"}


def test_core_imports_neither_the_command_line_nor_a_plugin() -> None:
    packages = {found.package for name in CORE for found in imports(name) if found.package.startswith("cvp_")}
    assert packages == {"cvp_core"}


def test_blocks_import_only_torch() -> None:
    for name in CORE:
        if name.startswith("cvp_core.blocks"):
            for found in imports(name):
                is_ours = target(found).startswith("cvp_core.blocks")
                assert is_ours or found.package in {"torch", *sys.stdlib_module_names}, (name, found)


@pytest.mark.parametrize("name", ["cvp_core.errors", "cvp_core.facts", "cvp_core.spec"])
def test_errors_and_spec_import_only_the_standard_library(name: str) -> None:
    others = {found.package for found in imports(name) if target(found) != "cvp_core.facts"}
    assert others <= set(sys.stdlib_module_names)


def test_modules_import_each_other_in_no_circle() -> None:
    graph = {name: {target(found) for found in imports(name) if found.is_eager and target(found)} for name in ALL}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_every_module_says_what_it_is_for() -> None:
    missing = [name for name, path in ALL.items() if not ast.get_docstring(ast.parse(path.read_text() or "''"))]
    assert missing in ([], ["cvp_cli"])
