"""Alert cases as tests of promtool, which evaluates rules as Prometheus does."""

from typing import Any, Final

import yaml

from tests.telemetry.alert_cases import NORMAL_STEPS, STEP_S, WRONG_STEPS, Case
from tests.telemetry.rendering import rule_files

_WRONG_FROM_S: Final = NORMAL_STEPS * STEP_S
_WRONG_UNTIL_S: Final = _WRONG_FROM_S + WRONG_STEPS * STEP_S
_LONG_AFTER_S: Final = _WRONG_UNTIL_S + 400


def promtool_file(case: Case) -> str:
    """Return a promtool file for a case: silent, pending, firing, clear, and what happens without any series."""
    return yaml.safe_dump(
        {
            "rule_files": [str(path) for path in rule_files()],
            "evaluation_interval": f"{STEP_S}s",
            "tests": [_life(case), _silence(case)],
        },
        width=1_000,
    )


def _life(case: Case) -> dict[str, Any]:
    moments = {
        _WRONG_FROM_S - STEP_S: (),
        _WRONG_UNTIL_S - STEP_S: ({"severity": case.severity, **case.labels},),
        _LONG_AFTER_S: (),
    }
    return {
        "interval": f"{STEP_S}s",
        "input_series": [{"series": one.series, "values": one.values()} for one in case.series],
        "alert_rule_test": [_expect(case, at_s, fires) for at_s, fires in moments.items()],
        "promql_expr_test": [_not_before_its_time(case)],
    }


def _not_before_its_time(case: Case) -> dict[str, Any]:
    """Expect it to be pending for so long and never firing sooner: pending begins once the wrong is seen."""
    seen = f'count_over_time(ALERTS{{alertname="{case.alert}", alertstate="pending"{_labels(case)}}}[1h])'
    return {
        "expr": f"{seen} == {case.for_s // STEP_S}",
        "eval_time": f"{_WRONG_UNTIL_S - STEP_S}s",
        "exp_samples": [
            {
                "labels": _series({"alertname": case.alert, "alertstate": "pending"}, case),
                "value": case.for_s // STEP_S,
            }
        ],
    }


def _silence(case: Case) -> dict[str, Any]:
    unheard = [{"severity": case.severity, **labels} for labels in case.unheard]
    return {
        "interval": f"{STEP_S}s",
        "input_series": [],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{case.alert}", alertstate="firing"}}',
                "eval_time": f"{_WRONG_FROM_S}s",
                "exp_samples": [
                    {"labels": _name({"alertname": case.alert, "alertstate": "firing", **labels}), "value": 1}
                    for labels in unheard
                ],
            }
        ],
    }


def _expect(case: Case, at_s: int, fires: tuple[dict[str, str], ...]) -> dict[str, Any]:
    annotations = {
        "summary": case.summary,
        "runbook_url": f"http://localhost/docs/reproduce_alerts/#{case.alert.lower()}",
    }
    return {
        "eval_time": f"{at_s}s",
        "alertname": case.alert,
        "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations} for labels in fires],
    }


def _labels(case: Case) -> str:
    return "".join(f', {name}="{value}"' for name, value in case.labels.items())


def _series(more: dict[str, str], case: Case) -> str:
    labels = {**more, "severity": case.severity, **case.labels}
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _name(labels: dict[str, str]) -> str:
    return "ALERTS{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
