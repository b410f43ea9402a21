"""The alert rules, evaluated by promtool: when each fires, and when it does not."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.telemetry.alert_cases import CASES, Case
from tests.telemetry.programs import path_of
from tests.telemetry.promtool import promtool_file
from tests.telemetry.rendering import INFRA, rule_files

PROMTOOL_TIMEOUT_S = 60.0


def run(*command: str) -> str:
    """Run a checking tool; what it complains about fails the test."""
    done = subprocess.run(  # noqa: S603 - fixed commands
        [path_of(command[0]), *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=PROMTOOL_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_when_it_should_and_only_then(case: Case, tmp_path: Path) -> None:
    """It is silent just below its threshold, waits as long as it says, fires, clears; and without series as said."""
    test = tmp_path / "test.yml"
    test.write_text(promtool_file(case))
    run("promtool", "test", "rules", str(test))


def test_every_alert_has_a_case() -> None:
    """No alert goes without; Watchdog, which fires always, is watched in the running stack."""
    groups = [group for path in rule_files() for group in yaml.safe_load(path.read_text())["groups"]]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert alerts - {"Watchdog"} == {case.alert for case in CASES}


def test_the_configurations_are_valid() -> None:
    """Promtool and amtool have nothing to say about what is deployed."""
    run("promtool", "check", "rules", *map(str, rule_files()))
    run("promtool", "check", "config", "--syntax-only", str(INFRA / "prometheus/prometheus.yml"))
    run("amtool", "check-config", str(INFRA / "alertmanager/alertmanager.yml"))
