"""docs/tutorial.md works as it stands: its steps are performed on a copy of this tree."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT

BLOCK = re.compile(r'^```(?P<kind>\w+) title="(?P<path>[^"]+)"\n(?P<body>.*?)^```$', re.DOTALL | re.MULTILINE)
LEFT_OUT = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "site", "*.gz", "build", "dist")
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def edit(path: Path, diff: str) -> None:
    """Apply a diff without line numbers; its old text must occur exactly once."""
    lines = [line or " " for line in diff.splitlines()]
    old = "\n".join(line[1:] for line in lines if line[0] in " -")
    new = "\n".join(line[1:] for line in lines if line[0] in " +")
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} does not hold this once:\n{old}"
    path.write_text(text.replace(old, new))


def perform(tree: Path) -> list[str]:
    """Do every step of the tutorial in `tree`; return the files it made."""
    made = []
    for block in BLOCK.finditer((ROOT / "docs/tutorial.md").read_text()):
        path = tree / block["path"]
        if block["kind"] == "diff":
            edit(path, block["body"])
        else:
            assert not path.exists(), f"{block['path']} exists already"
            path.write_text(block["body"])
            made.append(block["path"])
    return made


def run(tree: Path, *command: str) -> None:
    """Run Python in the copied tree, on the copied packages."""
    packages = os.pathsep.join(str(tree / folder.parent.relative_to(ROOT)) for folder in PACKAGES.values())
    paths = {"PYTHONPATH": packages, "MYPYPATH": packages, "STORE_DATA_DIR": str(tree / "data-of-the-test")}
    done = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, *command],
        cwd=tree,
        env=os.environ | paths,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of this tree in which every step was done."""
    copy = tmp_path_factory.mktemp("tutorial") / "tree"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    made = perform(copy)
    assert [path for path in made if path.startswith("services/cart/tests/test_")]
    return copy


def test_every_step_of_the_tutorial_finds_what_it_changes(tree: Path) -> None:
    """What a step is to change stands in today's code; what it makes is new."""
    assert (tree / "services/cart/tests/test_forget_views_http.py").exists()


@pytest.mark.slow
def test_the_tutorial_passes_format_lint_types_and_import_rules(tree: Path) -> None:
    """What `make check` asks of the code holds after the last step."""
    run(tree, "-m", "ruff", "format", "--check", "services/cart")
    run(tree, "-m", "ruff", "check", "services/cart")
    run(tree, "-m", "mypy", "--package", "store_cart", "--package", "services.cart.tests")
    run(tree, "-c", LINT_IMPORTS, "--no-cache")


@pytest.mark.slow
def test_the_tutorial_passes_the_tests_of_the_service_and_of_its_documents(tree: Path) -> None:
    """The cart service's fast tests, the suites of its stores among them, and the API page."""
    tests = ["services/cart/tests", "tests/architecture/test_api_page.py"]
    run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests)


@pytest.mark.slow
@pytest.mark.cassandra
def test_the_tutorial_works_on_cassandra(tree: Path) -> None:
    """The suite of the store and the new test pass on a real node, too."""
    tests = [f"services/cart/tests/{name}.py" for name in ("test_view_store_suite", "test_lost_answers")]
    run(
        tree,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *tests,
        "services/cart/tests/test_forget_views_http.py",
    )
