"""Prints how large functions and files are, beside the sizes that STYLE asks for; judges nothing."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import ROOT, sources

TESTS = [ROOT / "tests", ROOT / "launcher/tests", *ROOT.glob("libs/*/tests"), *ROOT.glob("services/*/tests")]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def functions(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (lines, place) of each function; its docstring does not count."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) and isinstance(first := node.body[0], ast.Expr):
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield lines, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def row(what: str, sizes: list[int], aim: str) -> str:
    """Return one line of the report."""
    p90 = statistics.quantiles(sizes, n=10)[-1] if len(sizes) > 1 else sizes[0]
    figures = f"{len(sizes):5} {statistics.median(sizes):7.0f} {p90:5.0f} {max(sizes):5}"
    return f"{what:<22}{figures}   {aim}"


def code_lines(paths: list[Path]) -> int:
    """Return how many lines of these files are not empty."""
    return sum(bool(line.strip()) for path in paths for line in path.read_text().splitlines())


def test_sizes_are_reported() -> None:
    """The sizes of functions and files and the share of tests are printed; `-s` shows them."""
    files = sources()
    by_size = sorted((f for path in files for f in functions(path)), reverse=True)
    tests = [path for folder in TESTS for path in folder.rglob("*.py")]
    print()
    print(f"{'':<22}{'count':>5} {'median':>7} {'p90':>5} {'max':>5}   aim")
    print(row("lines of a function", [size for size, _ in by_size], "median <= 10, p90 <= 30, max 50"))
    lines = [len(path.read_text().splitlines()) for path in files]
    print(row("lines of a file", lines, "median about 80, p90 <= 250, max 400"))
    print(f"lines of test per line of code: {code_lines(tests) / code_lines(files):.2f} (aim 1.0 to 1.8)")
    for size, place in by_size[:5] + sorted(zip(lines, map(str, files), strict=True), reverse=True)[:5]:
        print(f"  {size:4} {place.removeprefix(f'{ROOT}/')}")
    assert by_size
