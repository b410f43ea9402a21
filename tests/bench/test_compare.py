import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shop import QUICK

ROOT = Path(__file__).resolve().parents[2]
TINY = "--rounds 1 --seconds 1 --warm-up 1 --buyers 2 --products 60"


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *options]
    return subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=os.environ | QUICK, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.slow
def test_a_checkout_is_compared_with_itself() -> None:
    """Three shops are started, filled, asked in turn and judged: every metric has its row."""
    ended = bench("--base", str(ROOT), *TINY.split())
    assert ended.returncode == 0, ended.stderr
    table = ended.stdout.split("\n\n")[0].splitlines()
    names = [row[:44].strip() for row in table[1:]]
    for wanted in (
        "product detail: CPU us each",
        "sign in: requests/s",
        "orders, 2 buyers: placed/s",
        "orders, 2 buyers: longest pause ms",
        "memory of its own afterwards, MB",
    ):
        assert wanted in names
    assert {row.split()[-1] for row in table[1:]} <= {"same", "better", "LOSS"}


def test_what_is_no_version_is_refused() -> None:
    """A misspelt commit is named."""
    ended = bench("--base", "no-such-commit")
    assert ended.returncode == 1
    assert "'no-such-commit' is neither a commit" in ended.stderr
