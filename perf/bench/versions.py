"""Versions of the shop to compare with: a commit, built once next to this checkout, or another checkout's folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from perf.bench.server import HERE, Checkout

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "product-store" / "versions"
_OF_MAKE: Final = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")


def version(named: str) -> Checkout:
    """Return the version of a commit or a folder, ready to be started.

    Raises:
        SystemExit: it is neither, or it cannot be built.
    """
    folder = Path(named).resolve()
    if not (folder / "launcher").is_dir():
        folder = _unpacked(_commit(named))
    _build(folder)
    return Checkout(folder, folder / ".venv" / "bin" / "python")


def _commit(named: str) -> str:
    if shutil.which("git") is None:
        raise SystemExit(
            f"{named!r} is neither a commit that can be looked up (git is missing) nor the folder of a checkout."
        )
    asked = ["git", "-C", str(HERE.folder), "rev-parse", "--verify", "--quiet", f"{named}^{{commit}}"]
    found = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if found.returncode != 0:
        raise SystemExit(f"{named!r} is neither a commit of this repository nor the folder of a checkout.")
    return found.stdout.strip()


def _unpacked(commit: str) -> Path:
    folder, making = CACHE / commit, CACHE / f"{commit}.{os.getpid()}"
    if folder.is_dir():
        return folder
    making.mkdir(parents=True)
    try:
        git = ["git", "-C", str(HERE.folder), "archive", commit]
        with subprocess.Popen(git, stdout=subprocess.PIPE) as archive:  # noqa: S603
            subprocess.run(["tar", "-x", "-C", str(making)], stdin=archive.stdout, check=True)  # noqa: S603, S607
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _build(folder: Path) -> None:
    """Make its environment as `make up` does, with the Python that runs this."""
    env = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    made = subprocess.run(  # noqa: S603
        ["make", "-C", str(folder), "--no-print-directory", ".venv/.up"],  # noqa: S607
        env=env | {"PYTHON": str(python)},
        stdout=sys.stderr,
        check=False,
    )
    if made.returncode != 0:
        raise SystemExit(f"The version in {folder} could not be built.")
