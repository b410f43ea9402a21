"""Functions and files keep the sizes that CONTRIBUTING.md asks for; `-s` prints how large everything is."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, sources

LONGEST_FUNCTION, LONGEST_FILE = 50, 400
TESTS = [ROOT / "tests", ROOT / "launcher/tests", *ROOT.glob("libs/*/tests"), *ROOT.glob("services/*/tests")]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)


def functions(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (lines, place) of each function; its docstring does not count."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) and isinstance(first := node.body[0], ast.Expr):
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield lines, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def statements(path: Path) -> int:
    """Return how many statements a file has; docstrings, of attributes too, do not count."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.stmt)]
    texts = [
        node
        for node in nodes
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return len(nodes) - len(texts)


def imports(path: Path) -> int:
    """Return how many names a file imports."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return sum(len(node.names) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def code_lines(paths: list[Path]) -> int:
    """Return how many lines of these files are not empty."""
    return sum(bool(line.strip()) for path in paths for line in path.read_text().splitlines())


def row(what: str, sizes: list[int], aim: str) -> str:
    """Return one line of the report."""
    p90 = statistics.quantiles(sizes, n=10)[-1]
    figures = f"{len(sizes):5} {statistics.median(sizes):7.0f} {p90:5.0f} {max(sizes):5}"
    return f"{what:<22}{figures}   {aim}"


def test_sizes_are_reported() -> None:
    """Statements, files, folders and imports of each package, and the sizes of functions and files, are printed."""
    print(f"\n{'':<22}{'statements':>10} {'files':>6} {'folders':>8} {'imports':>8}")
    for name, folder in PACKAGES.items():
        paths = sorted(folder.rglob("*.py"))
        counts = (sum(map(statements, paths)), len(paths), len({path.parent for path in paths}))
        print(f"{name:<22}{counts[0]:>10} {counts[1]:>6} {counts[2]:>8} {sum(map(imports, paths)):>8}")
    files = sources()
    print(f"{'together':<22}{sum(map(statements, files)):>10} {len(files):>6}")
    print(f"\n{'':<22}{'count':>5} {'median':>7} {'p90':>5} {'max':>5}   aim")
    lengths = [size for path in files for size, _ in functions(path)]
    print(row("lines of a function", lengths, f"median <= 10, p90 <= 30, max {LONGEST_FUNCTION}"))
    lines = [len(path.read_text().splitlines()) for path in files]
    print(row("lines of a file", lines, f"median about 80, p90 <= 250, max {LONGEST_FILE}"))


def test_no_function_is_too_long() -> None:
    """Fifty lines at most, docstring apart."""
    found = sorted((found for path in sources() for found in functions(path)), reverse=True)
    assert [place for size, place in found if size > LONGEST_FUNCTION] == []
    print(*(f"  {size:4} {place}" for size, place in found[:5]), sep="\n")


def test_no_file_is_too_long() -> None:
    """Four hundred lines at most."""
    found = sorted((len(path.read_text().splitlines()), str(path.relative_to(ROOT))) for path in sources())
    assert [place for size, place in found if size > LONGEST_FILE] == []
    print(*(f"  {size:4} {place}" for size, place in found[:-6:-1]), sep="\n")


def test_the_front_page_says_true_sizes() -> None:
    """The lines of code and of tests that it names are right within a tenth."""
    said = re.search(
        r"([\d ]+) lines of Python and ([\d ]+) lines of tests", (ROOT / "docs/index.md").read_text()
    )
    assert said
    tests = [path for folder in TESTS for path in folder.rglob("*.py")]
    for text, paths in zip(said.groups(), (sources(), tests), strict=True):
        assert int(text.replace(" ", "")) == pytest.approx(code_lines(paths), rel=0.1)
    print(f"lines of test per line of code: {code_lines(tests) / code_lines(sources()):.2f} (aim 1.0 to 1.8)")
