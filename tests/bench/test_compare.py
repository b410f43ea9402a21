import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shop import QUICK

ROOT = Path(__file__).resolve().parents[2]
TINY = "--rounds 1 --seconds 3 --warm-up 1 --buyers 2 --lines 1 3 --products 60"


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perf.bench", *options]
    return subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=os.environ | QUICK, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.slow
def test_a_checkout_is_compared_with_itself() -> None:
    """Three shops are started, filled, asked in turn and judged: every metric has its row."""
    ended = bench("--base", str(ROOT), *TINY.split())
    assert ended.returncode == 0, ended.stderr
    table = ended.stdout.split("\n\n")[0].splitlines()
    names = [row[:58].strip() for row in table[1:]]
    for wanted in (
        "product detail: CPU us each",
        "sign in: requests/s",
        "lives of 1 line, 2 buyers: placed/s",
        "lives of 1 line, 2 buyers: p99.9 ms",
        "lives of 3 lines, 2 buyers: longest pause ms",
        "lives of 3 lines, 2 buyers: CPU ms each, other threads",
        "memory of its own afterwards, MB",
    ):
        assert wanted in names
    assert {row.split()[-1] for row in table[1:]} <= {"same", "better", "LOSS"}


def test_what_is_no_version_is_refused() -> None:
    """A misspelt commit is named."""
    ended = bench("--base", "no-such-commit")
    assert ended.returncode == 1
    assert "'no-such-commit' is neither a commit" in ended.stderr


def test_a_load_that_does_not_exist_is_refused() -> None:
    """The loads that there are are named."""
    ended = bench("--only", "lives-of-5")
    assert ended.returncode == 1
    assert "lives of 1 line, 1 buyer" in ended.stderr


def test_of_a_shop_that_runs_already_lives_alone_are_measured() -> None:
    """A load that would be left out is refused, and so is a comparison."""
    ended = bench("--url", "http://127.0.0.1:9", "--only", "search")
    assert ended.returncode == 1
    assert "--only search: there are lives of 1 line, 1 buyer," in ended.stderr
    ended = bench("--url", "http://127.0.0.1:9", "--base", "HEAD")
    assert ended.returncode == 2
    assert "not allowed with argument --url" in ended.stderr
