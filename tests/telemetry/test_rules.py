"""The rules, evaluated by promtool: what is recorded, when each alert fires, and when it does not."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.telemetry.alert_cases import CASES, Case
from tests.telemetry.programs import path_of
from tests.telemetry.promtool import promtool_file
from tests.telemetry.rendering import INFRA, rule_files

PROMTOOL_TIMEOUT_S = 60.0
RECORDINGS = Path(__file__).with_name("recordings.yml")


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


def _rules() -> Iterator[dict[str, Any]]:
    for path in rule_files():
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_when_it_should_and_only_then(case: Case, tmp_path: Path) -> None:
    """It is silent just below its threshold, waits as long as it says, fires, clears; and without series as said."""
    test = tmp_path / "test.yml"
    test.write_text(promtool_file(case))
    run("promtool", "test", "rules", str(test))


def test_every_alert_has_a_case() -> None:
    """No alert goes without; Watchdog, which fires always, is watched in the running stack."""
    alerts = {rule["alert"] for rule in _rules() if "alert" in rule}
    assert alerts - {"Watchdog"} == {case.alert for case in CASES}


def test_recording_rules_compute_what_their_names_say(tmp_path: Path) -> None:
    """Rates, ratios, quantiles and Apdex of a shop whose figures are known."""
    cases = yaml.safe_load(RECORDINGS.read_text())
    cases["rule_files"] = [str(path) for path in rule_files()]
    test = tmp_path / "test.yml"
    test.write_text(yaml.safe_dump(cases, width=1_000))
    run("promtool", "test", "rules", str(test))


def test_every_recording_rule_has_a_case() -> None:
    """No recorded series goes without, except what only other recorded ones are made of."""
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    between = {name for name in recorded if "_le:" in name}
    assert {name for name in recorded if name not in RECORDINGS.read_text()} == between


def test_the_configurations_are_valid() -> None:
    """Promtool and amtool have nothing to say about what is deployed."""
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *map(str, rule_files()))
    run("promtool", "check", "config", "--syntax-only", str(INFRA / "prometheus/prometheus.yml"))
    run("amtool", "check-config", str(INFRA / "alertmanager/alertmanager.yml"))
