"""Services are built alike: the same things have the same names (docs/architecture.md, Inside a service)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter

from tests.architecture.tree import PACKAGES, ROOT, SERVICES, modules

TOP = {
    "__init__.py",
    "__main__.py",
    "adapters",
    "api",
    "app.py",
    "domain",
    "ports.py",
    "problems.py",
    "py.typed",
}
TOP |= {"schema", "settings.py", "use_cases", "wiring.py"}
ALSO = {"store_order": {"saga"}}
ADAPTERS = {"__init__.py", "cassandra", "clients.py", "sqlite", "stores.py", "telemetry.py"}
API = {"__init__.py", "internal.py", "parameters.py", "views.py"}
TESTS = {"__init__.py", "conftest.py", "fakes.py", "serving.py", "stores.py"}
KNOWN_BY_CLIENTS = {"AccountPage", "NotificationPage", "SessionList"}
"""Views whose names the API document has always shown."""
BARE_WORDS = {"find", "get", "put", "list", "keep"}
"""Names of methods by which nothing can be searched for."""
MOMENT = re.compile(r"(?:.+_)?(?:added|created|rotated|shipped|updated|viewed)_ms")

every_service = pytest.mark.parametrize("package", SERVICES)


def inside(folder: Path) -> set[str]:
    """Return the names of the files and folders in a folder, what Python makes left out."""
    return {path.name for path in folder.iterdir() if path.name != "__pycache__"}


def trees(package: str, within: str = "") -> Iterator[tuple[str, ast.Module]]:
    """Yield the syntax trees of a package's modules with their path in it."""
    for path in sorted((PACKAGES[package] / within).rglob("*.py")):
        yield str(path.relative_to(PACKAGES[package])), ast.parse(path.read_text())


def parse(package: str, module: str) -> ast.Module:
    """Return the syntax tree of one module."""
    return ast.parse((PACKAGES[package] / module).read_text())


def classes(tree: ast.Module) -> list[ast.ClassDef]:
    """Return the classes of a module."""
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


@every_service
def test_the_top_of_a_service_holds_the_same_names(package: str) -> None:
    """These and no others."""
    assert inside(PACKAGES[package]) == TOP | ALSO.get(package, set())


@every_service
def test_adapters_and_routes_have_their_places(package: str) -> None:
    """Databases, other services, metrics, parameters, views and internal routes are where they are everywhere."""
    assert ADAPTERS - inside(PACKAGES[package] / "adapters") == set()
    assert API - inside(PACKAGES[package] / "api") == set()


@every_service
def test_both_databases_have_the_same_nouns(package: str) -> None:
    """A module of SQLite has its like in Cassandra, which may need further ones."""
    adapters = PACKAGES[package] / "adapters"
    assert inside(adapters / "sqlite") - inside(adapters / "cassandra") == set()


@every_service
def test_a_domain_is_imported_by_its_table_of_contents(package: str) -> None:
    """The rest of the service imports from `domain`, which lists what it offers; never from the modules in it."""
    beside = [
        f"{path}: {node.module}"
        for path, tree in trees(package)
        if not path.startswith("domain/")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}.domain.")
    ]
    assert beside == []


@every_service
def test_use_cases_are_those_of_the_table_of_contents(package: str) -> None:
    """Each file in use_cases/ is imported by `use_cases/__init__.py`, and each field of UseCases comes from one."""
    table = parse(package, "use_cases/__init__.py")
    imported = {
        node.module: node.names for node in table.body if isinstance(node, ast.ImportFrom) and node.module
    }
    prefix = f"{package}.use_cases."
    listed = {f"{name.removeprefix(prefix)}.py" for name in imported if name.startswith(prefix)}
    assert inside(PACKAGES[package] / "use_cases") == listed | {"__init__.py"}


@every_service
def test_views_are_called_views(package: str) -> None:
    """Classes in api/views.py end in View; no other function makes one."""
    found = [found.name for found in classes(parse(package, "api/views.py"))]
    public = [name for name in found if not name.startswith("_") and name not in KNOWN_BY_CLIENTS]
    assert [name for name in public if not name.endswith("View")] == []
    makers = [
        f"{path}: {node.name}"
        for path, tree in trees(package, "api")
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_view")
    ]
    assert makers == []


@every_service
def test_routers_are_called_alike(package: str) -> None:
    """A module of routes has a `router`, and `bare` for routes beside the framework; it has no other."""
    names = {
        f"{module.__name__}.{name}"
        for module in modules(f"{package}.api")
        for name, value in vars(module).items()
        if isinstance(value, APIRouter) and name not in {"router", "bare"}
    }
    assert names == set()


@every_service
def test_workers_are_called_by_service_and_verb(package: str) -> None:
    """Their names are labels of metrics: `order.recover`."""
    service = package.removeprefix("store_")
    names = [
        node.args[0].value
        for _, tree in trees(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Worker"
        and isinstance(node.args[0], ast.Constant)
    ]
    assert names
    assert [name for name in names if not re.fullmatch(rf"{service}\.[a-z]+", str(name))] == []


@every_service
def test_ports_can_be_searched_for(package: str) -> None:
    """Methods of ports are verb and noun: `find_order`, not `find`."""
    bare = [
        f"{port.name}.{method.name}"
        for port in classes(parse(package, "ports.py"))
        for method in port.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name in BARE_WORDS
    ]
    assert bare == []


@every_service
def test_moments_are_told_from_durations(package: str) -> None:
    """What names a moment ends in `_at_ms`; columns and JSON keep the names they have."""
    found = {
        f"{path}: {name}"
        for path, tree in trees(package)
        for node in ast.walk(tree)
        for name in (getattr(node, "attr", None), getattr(node, "arg", None), getattr(node, "id", None))
        if isinstance(name, str) and MOMENT.fullmatch(name)
    }
    assert found == set()


@every_service
def test_tests_have_the_same_helpers(package: str) -> None:
    """A service over HTTP, stores of both databases, and fakes have the same names everywhere."""
    folder = ROOT / "services" / package.removeprefix("store_") / "tests"
    helpers = {name for name in inside(folder) if name.endswith(".py") and not name.startswith("test_")}
    assert {"fakes.py", "serving.py"} <= helpers
