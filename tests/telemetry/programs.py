"""The programs that are tested with: the real ones, found on the path, or a clear word about what is missing."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.cassandra import ROOT

NEEDED = {
    "prometheus": "the package prometheus",
    "promtool": "the package prometheus",
    "prometheus-alertmanager": "the package prometheus-alertmanager",
    "amtool": "the package prometheus-alertmanager",
    "prometheus-node-exporter": "the package prometheus-node-exporter",
    "prometheus-nginx-exporter": "the package prometheus-nginx-exporter",
    "nginx": "the package nginx-light",
    "java": "a Java 17 runtime, e.g. the package openjdk-17-jre-headless",
    "mvn": "the package maven",
    "go": "Go 1.21 or later, which builds prometheus-nginxlog-exporter",
}
"""Program -> where Debian has it."""
_SBIN = "/usr/sbin"
_LOG_EXPORTER = "github.com/martin-helmich/prometheus-nginxlog-exporter"
_BUILD_TIMEOUT_S = 300.0


def find(program: str) -> str | None:
    """Return a program's path; None when this machine has none."""
    return shutil.which(program, path=f"{os.environ['PATH']}:{_SBIN}")


def missing() -> list[str]:
    """Return what has to be installed before the telemetry tests can run, one line each."""
    return [f"{program}: {where}" for program, where in NEEDED.items() if find(program) is None]


def path_of(program: str) -> str:
    """Return a program's path; fails the test with what to install when there is none."""
    found = find(program)
    assert found is not None, f"{program} is missing: install {NEEDED[program]}"
    return found


def log_exporter() -> str:
    """Return prometheus-nginxlog-exporter, which Debian has not: built once by Go from its pinned sources."""
    built = ROOT / ".store/tools/prometheus-nginxlog-exporter"
    if not built.exists():
        _build(built)
    return str(built)


def _build(built: Path) -> None:
    built.parent.mkdir(parents=True, exist_ok=True)
    fresh = built.with_suffix(".new")
    subprocess.run(  # noqa: S603 - a fixed command
        [path_of("go"), "build", "-o", str(fresh), _LOG_EXPORTER],
        cwd=ROOT / "infra/exporters/nginxlog",
        check=True,
        timeout=_BUILD_TIMEOUT_S,
    )
    fresh.rename(built)
