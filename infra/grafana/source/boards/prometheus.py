"""Prometheus and Alertmanager about themselves."""

from typing import Final

from infra.grafana.source.board import Board
from infra.grafana.source.panels import ANY_IS_BAD, GREEN, RED, YELLOW, Graph, Number, Query, Row

_TARGETS: Final = Row("Targets", (
    Number("Targets up", "Targets that answer.", "short", (Query("sum(up)"),)),
    Number(
        "Targets down", "Targets that do not. Alert: TargetDown.",
        "short", (Query("count(up) - sum(up)"),),
        ANY_IS_BAD,
    ),
    Number(
        "Alertmanagers", "Alertmanagers that Prometheus knows. Alert: AlertmanagerUnreachable.",
        "short", (Query("max(prometheus_notifications_alertmanagers_discovered)"),), ((None, RED), (1, GREEN)),
    ),
    Graph(
        "Up by job", "How many targets of each job answer.",
        "short", (Query("sum by (job) (up)", "{{job}}"),), width=12,
    ),
    Graph(
        "Time of a scrape", "How long each target takes to tell; it is given five seconds.",
        "s", (Query("max by (job) (scrape_duration_seconds)", "{{job}}"),),
        ((None, GREEN), (1, YELLOW), (5, RED)), width=12,
    ),
))  # fmt: skip

_RULES: Final = Row("Rules and notifications", (
    Graph(
        "Time of a rule group", "How long the last evaluation took; it has ten seconds.",
        "s", (Query("prometheus_rule_group_last_duration_seconds", "{{rule_group}}"),),
        ((None, GREEN), (5, YELLOW), (10, RED)),
    ),
    Graph(
        "Rules that fail", "Evaluations that failed. Alert: RuleEvaluationFails.",
        "ops",
        (
            Query(
                "sum by (rule_group) (rate(prometheus_rule_evaluation_failures_total[$__rate_interval]))",
                "{{rule_group}}",
            ),
        ),
        ANY_IS_BAD,
    ),
    Graph(
        "Notifications", "Alerts sent to Alertmanager, errors of that, and what Alertmanager told its receivers.",
        "ops",
        (
            Query("sum(rate(prometheus_notifications_sent_total[$__rate_interval]))", "sent to Alertmanager"),
            Query("sum(rate(prometheus_notifications_errors_total[$__rate_interval]))", "errors"),
            Query("sum(rate(alertmanager_notifications_total[$__rate_interval]))", "told to receivers"),
            Query("sum(rate(alertmanager_notifications_failed_total[$__rate_interval]))", "not told"),
        ),
    ),
    Graph(
        "Alerts in Alertmanager", "Active and suppressed (silenced or inhibited).",
        "short", (Query("sum by (state) (alertmanager_alerts)", "{{state}}"),),
    ),
))  # fmt: skip

_STORAGE: Final = Row("Storage", (
    Graph(
        "Samples", "Samples stored a second.",
        "ops", (Query("rate(prometheus_tsdb_head_samples_appended_total[$__rate_interval])", "samples"),),
    ),
    Graph("Series", "Series in memory.", "short", (Query("prometheus_tsdb_head_series", "series"),)),
    Graph(
        "Memory", "Resident memory of Prometheus and Alertmanager.",
        "bytes", (Query('process_resident_memory_bytes{job=~"prometheus|alertmanager"}', "{{job}}"),),
    ),
))  # fmt: skip

PROMETHEUS: Final = Board(
    "prometheus", "Prometheus", "Targets, rules, notifications and storage of the monitoring itself.",
    (_TARGETS, _RULES, _STORAGE),
)  # fmt: skip
