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
    """Run a Python module in the copied tree, on the copied packages."""
    packages = os.pathsep.join(str(tree / folder.parent.relative_to(ROOT)) for folder in PACKAGES.values())
    done = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, "-m", *command],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": packages, "STORE_DATA_DIR": str(tree / "data-of-the-test")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_tutorial_works_step_by_step(tmp_path: Path) -> None:
    """After all steps the new test passes, and format, lint and the API page are in order."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
    made = perform(tree)
    tests = [path for path in made if path.endswith(".py") and "/tests/" in path]
    assert len(tests) == 1
    run(tree, "ruff", "format", "--check", "services/cart")
    run(tree, "ruff", "check", "services/cart")
    run(tree, "pytest", "-q", "-p", "no:cacheprovider", *tests, "tests/architecture/test_api_page.py")
