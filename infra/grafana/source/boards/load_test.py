"""One page to look at while Locust runs: what the load does to every part of the shop."""

from typing import Final

from infra.grafana.source.board import Board
from infra.grafana.source.panels import (
    ERRORS,
    GREEN,
    LATENCY,
    RED,
    SATURATION,
    YELLOW,
    Graph,
    Query,
    Row,
    quantiles,
)

_LOAD: Final = Row("What comes in and what goes out", (
    Graph(
        "Answers by status", "All answers of nginx. 429: the limit per client; raise it for a load test.",
        "reqps",
        (Query("sum by (status) (rate(gateway_http_response_count_total[$__rate_interval]))", "{{status}}"),),
        stacked=True,
    ),
    Graph(
        "Latency for clients", "Whole requests at nginx, event streams left out.",
        "s", quantiles("gateway_http_response_time_seconds_hist", '{kind="request"}'), LATENCY,
    ),
    Graph(
        "Failed answers", "Share of answers that are 5xx.",
        "percentunit", (Query("gateway:errors:ratio_rate5m", "5xx"),), ERRORS,
    ),
    Graph(
        "Orders a second", "Orders placed, and requests to place one that ended otherwise.",
        "ops", (Query("sum by (outcome) (rate(store_checkouts_total[$__rate_interval]))", "{{outcome}}"),),
    ),
    Graph(
        "Clients", "Open connections at nginx.",
        "short", (Query("nginx_connections_active", "connections"),),
    ),
    Graph(
        "P99 by service", "Which service gives way first.",
        "s", (Query("service:http_request_duration_seconds:p99_5m", "{{service}}"),), LATENCY,
    ),
))  # fmt: skip

_LIMITS: Final = Row("What gives way first", (
    Graph(
        "CPU of the services", "Cores that each process uses: one is the most a process can.",
        "short",
        (Query('rate(process_cpu_seconds_total{job="shop"}[$__rate_interval])', "{{service}} {{instance}}"),),
        SATURATION,
    ),
    Graph(
        "CPU of the machine", "Share in use.",
        "percentunit", (Query('1 - avg(rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))', "CPU"),),
        SATURATION,
    ),
    Graph(
        "Database operations", "Of all services.",
        "ops", (Query("shop:db_operations:rate1m", "operations"),), ((None, GREEN), (50, YELLOW), (100, RED)),
    ),
    Graph(
        "P99 of the database", "As each service sees it, queueing included.",
        "s",
        (
            Query(
                "histogram_quantile(0.99, sum by (le, service) "
                "(rate(db_client_operation_duration_seconds_bucket[5m])))",
                "{{service}}",
            ),
        ),
        LATENCY,
    ),
    Graph(
        "Passwords waiting", "Signing in is what costs most CPU.",
        "short", (Query("sum(store_password_hashes_pending)", "pending"),), ((None, GREEN), (64, YELLOW), (256, RED)),
    ),
    Graph(
        "Breakers", "0 closed, 1 half open, 2 open.",
        "short", (Query("max by (service, peer) (store_breaker_state)", "{{service}} to {{peer}}"),),
        ((None, GREEN), (1, YELLOW), (2, RED)),
    ),
))  # fmt: skip

LOAD_TEST: Final = Board(
    "load-test", "Load test", "What a load test does to the shop, and what gives way first.", (_LOAD, _LIMITS)
)
