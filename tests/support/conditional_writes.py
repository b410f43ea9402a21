"""Finds every conditional write of the shop in its code, so that none can be without a test."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import PACKAGES, sources

_CONDITIONAL = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b.*\bIF\b", re.DOTALL)


def conditional_writes() -> dict[str, str]:
    """Return the CQL of every conditional write by its name: module, dot, constant."""
    return {
        name: getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
        for path in sources()
        for name in _named_in(path)
    }


def nameless() -> list[str]:
    """Return where conditional writes are that are not constants of a module, so that no test can name them."""
    return [f"{path}:{line}" for path in sources() for line in _nameless_in(ast.parse(path.read_text()))]


def _named_in(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if (
            isinstance(node, ast.AnnAssign | ast.Assign)
            and node.value is not None
            and any(_texts(node.value))
        ):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            yield f"{_module(path)}.{ast.unparse(target)}"


def _nameless_in(tree: ast.Module) -> Iterator[int]:
    for node in tree.body:
        if not isinstance(node, ast.AnnAssign | ast.Assign):
            yield from _texts(node)


def _texts(node: ast.AST) -> Iterator[int]:
    """Yield the lines of conditional writes in a piece of code."""
    for part in ast.walk(node):
        pieces = part.values if isinstance(part, ast.JoinedStr) else [part]
        text = "".join(
            str(piece.value) if isinstance(piece, ast.Constant) and isinstance(piece.value, str) else "?"
            for piece in pieces
        )
        if _CONDITIONAL.match(text):
            yield getattr(part, "lineno", 0)


def _module(path: Path) -> str:
    for package, folder in PACKAGES.items():
        if path.is_relative_to(folder):
            return ".".join((package, *path.relative_to(folder).with_suffix("").parts))
    raise ValueError(f"{path} belongs to no package")
