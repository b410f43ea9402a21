"""A checkout that was renamed, moved or copied starts all the same."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT


def plan(checkout: Path) -> str:
    """Return what make would do to bring .venv up to date."""
    done = subprocess.run(
        ["make", "--dry-run", ".venv/.up"],  # noqa: S607 - the make of the PATH, as people have it
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("name", ["shop2", "shop [work]", "a 'b'"])
def test_moved_checkout_makes_its_environment_anew(tmp_path: Path, name: str) -> None:
    """Programs in .venv name the place where they were made: elsewhere they are made again, in place they are kept."""
    old, new = tmp_path / "shop", tmp_path / name
    (old / ".venv" / "bin").mkdir(parents=True)
    (old / "scripts").mkdir()
    for file in ("Makefile", "uv.lock", "pyproject.toml", "mkdocs.yml", "scripts/bootstrap.sh"):
        shutil.copy(ROOT / file, old / file)
    (old / "docs").mkdir()
    (old / ".venv" / "bin" / "activate").write_text(f"VIRTUAL_ENV='{old.resolve()}/.venv'\n")
    (old / ".venv" / ".up").touch()
    assert "rm -rf .venv" not in plan(old)
    old.rename(new)
    planned = plan(new)
    assert planned.index("rm -rf .venv") < planned.index("scripts/bootstrap.sh")
