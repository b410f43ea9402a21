"""What Locust loads is the same in compose and from a checkout."""

import re
from typing import Any

import yaml

from tests.architecture.tree import ROOT

LOCUST: dict[str, Any] = yaml.safe_load((ROOT / "infra/docker-compose.yml").read_text())["services"]["locust"]


def test_compose_and_the_lock_have_the_same_locust() -> None:
    """The image's version is the one that `make load` installs."""
    locked = re.search(r'^name = "locust"\nversion = "([^"]+)"', (ROOT / "uv.lock").read_text(), re.MULTILINE)
    assert locked
    assert LOCUST["image"] == f"locustio/locust:{locked[1]}"


def test_compose_mounts_what_locust_is_told_to_load() -> None:
    """The locustfile is in the folder that is mounted, whose parent is where Python finds the package `perf.load`."""
    mounted = dict(volume.split(":")[:2] for volume in LOCUST["volumes"])
    locustfile = LOCUST["command"][LOCUST["command"].index("-f") + 1]
    assert locustfile == f"{mounted['../perf/load']}/locustfile.py"
    assert (ROOT / "perf/load/locustfile.py").exists()
    assert mounted["../perf/load"] == f"{LOCUST['environment']['PYTHONPATH']}/perf/load"


def test_the_load_test_needs_nothing_but_locust() -> None:
    """The container has none of the shop's packages: only the count of the ledger imports one."""
    importing = {
        path.name for path in (ROOT / "perf/load").glob("*.py") if "import store_" in path.read_text()
    }
    importing |= {
        path.name for path in (ROOT / "perf/load").glob("*.py") if "from store_" in path.read_text()
    }
    assert importing == {"ledger_figures.py"}
