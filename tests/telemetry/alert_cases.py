"""One case for each alert: what is normal, just below the threshold, and what is wrong, just above it.

Each becomes a promtool test: ten minutes of the normal, a quarter of an hour of the wrong, ten minutes of the normal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

STEP_S: Final = 10
NORMAL_STEPS: Final = 60
WRONG_STEPS: Final = 90
AFTER_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class Gauge:
    """A series that stands at one value; None: it is gone."""

    series: str
    normal: float | None
    wrong: float | None

    def values(self) -> str:
        """Return it in promtool's notation."""
        return " ".join((
            _flat(self.normal, NORMAL_STEPS),
            _flat(self.wrong, WRONG_STEPS),
            _flat(self.normal, AFTER_STEPS),
        ))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counter:
    """A series that grows by so much per second."""

    series: str
    normal: float
    wrong: float

    def values(self) -> str:
        """Return it in promtool's notation."""
        turns = (0.0, self.normal * NORMAL_STEPS * STEP_S)
        last = turns[1] + self.wrong * WRONG_STEPS * STEP_S
        return " ".join((
            _climb(turns[0], self.normal, NORMAL_STEPS),
            _climb(turns[1], self.wrong, WRONG_STEPS),
            _climb(last, self.normal, AFTER_STEPS),
        ))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """What makes an alert fire.

    Args:
        alert: its name.
        for_s: how long the wrong must last.
        severity: what it is labelled with.
        labels: all others of the alert that fires.
        summary: what it says.
        series: what it looks at.
        unheard: whether it fires when its series are missing altogether.
    """

    alert: str
    for_s: int
    severity: str
    labels: Mapping[str, str]
    summary: str
    series: Sequence[Gauge | Counter]
    unheard: Sequence[Mapping[str, str]] = field(default=())


def _flat(value: float | None, steps: int) -> str:
    return f"stale _x{steps - 1}" if value is None else f"{value}x{steps - 1}"


def _climb(start: float, per_second: float, steps: int) -> str:
    return f"{start}+{per_second * STEP_S}x{steps - 1}"


def _latency(name: str, labels: str, normal_slow: float, wrong_slow: float) -> list[Counter]:
    """Return a histogram of 10 requests/s, of which so many per second take between .5 s and .75 s."""
    return [
        Counter(f'{name}{{{labels}, le="0.5"}}', 10 - normal_slow, 10 - wrong_slow),
        Counter(f'{name}{{{labels}, le="0.75"}}', 10, 10),
        Counter(f'{name}{{{labels}, le="+Inf"}}', 10, 10),
    ]


_UP = [
    Gauge('up{job="shop", service="catalog", instance="a"}', 1, 1),
    Gauge('up{job="shop", service="cart", instance="b"}', 1, 1),
    Gauge('up{job="shop", service="order", instance="c"}', 1, 1),
    Gauge('nginx_up{job="nginx", service="nginx"}', 1, 1),
    Gauge('up{job="cassandra", service="cassandra", instance="d"}', 1, 1),
]
_JOBS = [
    Gauge(f'up{{job="{job}", service="{job}", instance="i"}}', 1, 1) for job in ("nginx", "node", "cassandra")
]
_DISK = 'service="node", instance="n", device="sda1", fstype="ext4", mountpoint="/"'
_EXPECTED = ("catalog", "cart", "order", "user", "nginx", "cassandra")
_CQL = 'service="cassandra", operation="CASWrite"'
_OLD = 'job="cassandra", service="cassandra", instance="c", pool="Tenured Gen"'
_EXPECTED_JOBS = ("nginx", "nginxlog", "cassandra", "node", "shop")

CASES: Final = (
    Case(
        "HighP99Latency", 60, "warning", {"service": "user"},
        "user is slow: P99 502.5ms, more than 500 ms",
        _latency("http_request_duration_seconds_bucket", 'service="user", handler="/api/users"', 0.09, 0.101),
    ),
    Case(
        "DatabaseHighRPS", 60, "warning", {"service": "database"},
        "The database is busy: 102 operations/s of all services, more than 100",
        [
            Counter('db_client_operation_duration_seconds_count{service="cart"}', 49, 51),
            Counter('db_client_operation_duration_seconds_count{service="user"}', 50, 51),
        ],
    ),
    Case(
        "ServiceAvailability", 30, "critical", {"service": "user"},
        "user is not available: no replica answers Prometheus",
        [
            *_UP,
            Gauge('up{job="shop", service="user", instance="one"}', 1, 0),
            Gauge('up{job="shop", service="user", instance="two"}', 0, 0),
        ],
        [{"service": name} for name in _EXPECTED],
    ),
    # The same when the targets vanish from DNS instead of answering no more.
    Case(
        "ServiceAvailability", 30, "critical", {"service": "user"},
        "user is not available: no replica answers Prometheus",
        [*_UP, Gauge('up{job="shop", service="user", instance="one"}', 1, None)],
        [{"service": name} for name in _EXPECTED],
    ),
    Case(
        "ServiceAvailability", 30, "critical", {"service": "nginx"},
        "nginx is not available: no replica answers Prometheus",
        [
            *(one for one in _UP if "nginx_up" not in one.series),
            Gauge('up{job="shop", service="user", instance="one"}', 1, 1),
            Gauge('up{job="nginx", service="nginx"}', 1, 1),
            Gauge('nginx_up{job="nginx", service="nginx"}', 1, 0),
        ],
        [{"service": name} for name in _EXPECTED],
    ),
    Case(
        "GatewayErrors", 60, "critical", {"service": "nginx"},
        "nginx answers 6% of all requests with 5xx, more than 5%",
        [
            Counter('gateway_http_response_count_total{service="cart", status="200"}', 96, 94),
            Counter('gateway_http_response_count_total{service="cart", status="502"}', 4, 6),
        ],
    ),
    Case(
        "GatewaySlowUpstream", 60, "warning", {"service": "order"},
        "order keeps nginx waiting: P99 502.5ms, more than 500 ms",
        _latency("gateway_http_upstream_time_seconds_hist_bucket", 'service="order", kind="request"', 0.09, 0.101),
    ),
    # One failure among a few requests is no reason to wake anybody.
    Case(
        "HighErrorRatio", 60, "critical", {"service": "user"},
        "user fails 6% of its requests, more than 5%",
        [
            Counter('http_requests_total{service="user", handler="/api/users", status="200"}', 0.01, 94),
            Counter('http_requests_total{service="user", handler="/api/users", status="503"}', 0.01, 6),
        ],
    ),
    Case(
        "HighErrorRatio", 60, "critical", {"service": "cart"},
        "cart fails 6% of its requests, more than 5%",
        [
            Counter('http_requests_total{service="cart", handler="/api/cart", status="200"}', 96, 94),
            Counter('http_requests_total{service="cart", handler="/api/cart", status="503"}', 4, 6),
        ],
    ),
    Case(
        "BreakerOpen", 60, "warning", {"service": "order", "peer": "cart"},
        "order has given up calling cart for now: its breaker is open",
        [Gauge('store_breaker_state{service="order", peer="cart"}', 1, 2)],
    ),
    Case(
        "BackgroundWorkFails", 300, "warning", {"service": "order", "worker": "order.recover"},
        "order: its worker order.recover failed 12 times in ten minutes",
        [Counter('store_worker_errors_total{service="order", worker="order.recover"}', 0.005, 0.02)],
    ),
    Case(
        "OrdersStuck", 60, "critical", {"service": "order"},
        "order: an order should have moved on 1m 1s ago",
        [Gauge('store_orders_overdue_seconds{service="order"}', 59, 61)],
    ),
    Case(
        "SagaRecoveries", 120, "warning", {"service": "order"},
        "order: recovery has to finish 0.12 orders a second",
        [
            Counter('store_saga_recovered_total{service="order", step="charge"}', 0.04, 0.06),
            Counter('store_saga_recovered_total{service="order", step="cart"}', 0.05, 0.06),
        ],
    ),
    Case(
        "RevocationsStale", 60, "warning", {"service": "catalog"},
        "catalog has not heard for 31s which access tokens have ended",
        [
            Gauge('store_revocations_age_seconds{service="catalog", instance="a"}', 29, 31),
            Gauge('store_revocations_age_seconds{service="catalog", instance="b"}', 1, 1),
        ],
    ),
    Case(
        "CatalogIndexLag", 60, "warning", {"service": "catalog"},
        "catalog: lists of products are 6s behind the truth",
        [Gauge('store_catalog_index_lag_seconds{service="catalog"}', 4, 6)],
    ),
    Case(
        "LoginFailures", 60, "warning", {"service": "user"},
        "user: 1.1 sign-ins a second fail, more than 1: somebody may be guessing",
        [
            Counter('store_logins_total{service="user", outcome="ok"}', 9, 9),
            Counter('store_logins_total{service="user", outcome="wrong-credentials"}', 0.5, 0.6),
            Counter('store_logins_total{service="user", outcome="too-many-requests"}', 0.4, 0.5),
        ],
    ),
    Case(
        "PaymentsDeclined", 120, "warning", {"service": "order"},
        "order: 25% of payments are declined, more than 20%",
        [
            Counter('store_checkouts_total{service="order", outcome="created"}', 8.5, 7.5),
            Counter('store_checkouts_total{service="order", outcome="payment-declined"}', 1.5, 2.5),
            Counter('store_checkouts_total{service="order", outcome="repeated"}', 5, 5),
        ],
    ),
    # One declined payment and no other order is 100 %, and nothing.
    Case(
        "PaymentsDeclined", 120, "warning", {"service": "order"},
        "order: 25% of payments are declined, more than 20%",
        [
            Counter('store_checkouts_total{service="order", outcome="created"}', 0, 7.5),
            Counter('store_checkouts_total{service="order", outcome="payment-declined"}', 0.01, 2.5),
        ],
    ),
    Case(
        "CassandraNodeDown", 60, "critical", {"service": "cassandra"},
        "cassandra: 1 of its nodes are down",
        [
            Gauge('cassandra_endpoints{service="cassandra", instance="c", state="Up"}', 3, 2),
            Gauge('cassandra_endpoints{service="cassandra", instance="c", state="Down"}', 0, 1),
            Gauge('cassandra_endpoints{service="cassandra", instance="d", state="Down"}', 0, 1),
        ],
    ),
    Case(
        "CassandraTimeouts", 60, "critical", {"service": "cassandra", "operation": "CASWrite"},
        "cassandra fails 0.12 CASWrite operations a second by timeout or too few replicas",
        [
            Counter(f"cassandra_clientrequest_timeouts_total{{{_CQL}}}", 0.05, 0.06),
            Counter(f"cassandra_clientrequest_unavailables_total{{{_CQL}}}", 0.04, 0.06),
        ],
    ),
    Case(
        "CassandraHeap", 300, "warning",
        {"service": "cassandra", "instance": "c", "job": "cassandra", "pool": "Tenured Gen"},
        "cassandra c keeps 91% of its heap after a collection, more than 90%",
        [
            Gauge(f"jvm_memory_pool_collection_used_bytes{{{_OLD}}}", 890, 910),
            Gauge(f"jvm_memory_pool_max_bytes{{{_OLD}}}", 1000, 1000),
        ],
    ),
    Case(
        "CassandraPendingCompactions", 300, "warning", {"service": "cassandra", "instance": "c"},
        "cassandra c is behind with 21 compactions, more than 20",
        [Gauge('cassandra_compactions_pending{service="cassandra", instance="c"}', 20, 21)],
    ),
    Case(
        "DiskAlmostFull", 120, "critical", {"service": "node", "instance": "n", "device": "sda1"},
        "node n: 9% of sda1 is free, less than 10%",
        [
            Gauge(f"node_filesystem_avail_bytes{{{_DISK}}}", 11, 9),
            Gauge(f"node_filesystem_size_bytes{{{_DISK}}}", 100, 100),
        ],
    ),
    Case(
        "TargetDown", 60, "warning", {"job": "shop", "service": "cart", "instance": "b"},
        "Prometheus gets nothing from shop b (cart)",
        [
            *_JOBS,
            Gauge('up{job="nginxlog", instance="i"}', 1, 1),
            Gauge('up{job="shop", service="cart", instance="b"}', 1, 0),
        ],
        [{"job": job} for job in _EXPECTED_JOBS],
    ),
    Case(
        "TargetDown", 60, "warning", {"job": "nginxlog"},
        "Prometheus gets nothing from nginxlog ",
        [
            *_JOBS,
            Gauge('up{job="shop", service="cart", instance="b"}', 1, 1),
            Gauge('up{job="nginxlog", instance="i"}', 1, None),
        ],
        [{"job": job} for job in _EXPECTED_JOBS],
    ),
    Case(
        "RuleEvaluationFails", 60, "critical", {"service": "prometheus", "rule_group": "seed"},
        "prometheus cannot evaluate rules of seed: alerts may be blind",
        [Counter('prometheus_rule_evaluation_failures_total{service="prometheus", rule_group="seed"}', 0, 0.1)],
    ),
    Case(
        "AlertmanagerUnreachable", 60, "critical", {"service": "prometheus"},
        "prometheus cannot reach Alertmanager: nobody is told of alerts",
        [Gauge('prometheus_notifications_alertmanagers_discovered{service="prometheus"}', 1, 0)],
    ),
    Case(
        "AlertmanagerUnreachable", 60, "critical", {"service": "prometheus"},
        "prometheus cannot reach Alertmanager: nobody is told of alerts",
        [
            Gauge('prometheus_notifications_alertmanagers_discovered{service="prometheus"}', 1, 1),
            Counter('prometheus_notifications_errors_total{service="prometheus", alertmanager="a"}', 0, 0.1),
        ],
    ),
)  # fmt: skip
