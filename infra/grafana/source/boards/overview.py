"""The first look: is the shop well, and if not, where."""

from typing import Final

from infra.grafana.source.board import Board
from infra.grafana.source.panels import (
    ANY_IS_BAD,
    ERRORS,
    GREEN,
    LATENCY,
    RED,
    SATURATION,
    YELLOW,
    Graph,
    Number,
    Query,
    Row,
    Table,
)

_NOW: Final = Row("Now", (
    Number(
        "Parts of the shop up", "Four services, nginx and Cassandra: how many of the six have a replica that answers.",
        "short", (Query("count(service:up:sum > 0)"),), ((None, RED), (5, YELLOW), (6, GREEN)),
    ),
    Number(
        "Alerts firing", "How many alerts fire, the watchdog left out.",
        "short", (Query('count(ALERTS{alertstate="firing", alertname!="Watchdog"}) or vector(0)'),), ANY_IS_BAD,
    ),
    Number(
        "Requests", "What nginx answers, averaged over five minutes.",
        "reqps", (Query("sum(service:gateway_responses:rate5m)"),),
    ),
    Number(
        "Failed requests", "Share of answers of nginx that are 5xx, over five minutes.",
        "percentunit", (Query("gateway:errors:ratio_rate5m"),), ERRORS,
    ),
    Number(
        "Slowest P99", "The P99 of the service that is slowest, over five minutes.",
        "s", (Query("max(service:http_request_duration_seconds:p99_5m)"),), LATENCY,
    ),
    Number(
        "Money taken", "Totals of the orders placed in the time shown, in major units of the shop's currency.",
        "short", (Query("sum(increase(store_order_value_sum[$__range])) / 100"),),
    ),
))  # fmt: skip

_TRAFFIC: Final = Row("Traffic, errors, latency", (
    Graph(
        "Requests by service", "What each service serves; calls between services count too.",
        "reqps", (Query("service:http_requests:rate5m", "{{service}}"),),
    ),
    Graph(
        "Failed requests by service", "Share of answers that are 5xx. Alert: HighErrorRatio.",
        "percentunit", (Query("service:http_errors:ratio_rate5m", "{{service}}"),), ERRORS,
    ),
    Graph(
        "P99 by service", "99 of 100 requests are faster. Alert: HighP99Latency.",
        "s", (Query("service:http_request_duration_seconds:p99_5m", "{{service}}"),), LATENCY,
    ),
    Graph(
        "Apdex", "Share of content customers: within 100 ms wholly, within 400 ms by half.",
        "percentunit", (Query("service:http_apdex:ratio_rate5m", "{{service}}"),),
        ((None, RED), (0.85, YELLOW), (0.94, GREEN)),
    ),
    Graph(
        "Orders per minute", "Orders that reached a status, a minute.",
        "short", (Query("sum by (status) (rate(store_orders_status_total[$__rate_interval])) * 60", "{{status}}"),),
    ),
    Graph(
        "Database operations", "Operations of all services on their database. Alert: DatabaseHighRPS above 100.",
        "ops", (Query("service:db_operations:rate1m", "{{service}}"), Query("shop:db_operations:rate1m", "all")),
        ((None, GREEN), (50, YELLOW), (100, RED)),
    ),
))  # fmt: skip

_SATURATION: Final = Row("Saturation", (
    Graph(
        "CPU of the services", "Cores that each process uses.",
        "short",
        (Query('rate(process_cpu_seconds_total{job="shop"}[$__rate_interval])', "{{service}} {{instance}}"),),
        SATURATION,
    ),
    Graph(
        "Memory of the services", "Resident memory of each process.",
        "bytes", (Query('process_resident_memory_bytes{job="shop"}', "{{service}} {{instance}}"),),
    ),
    Graph(
        "Machine", "Share of CPU, memory and disk in use. Alert: DiskAlmostFull.",
        "percentunit",
        (
            Query('1 - avg(rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))', "CPU"),
            Query("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "memory"),
            Query(
                '1 - min by (device) (node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"}'
                ' / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"})',
                "disk {{device}}",
            ),
        ),
        SATURATION,
    ),
    Table(
        "Alerts", "What fires at this moment. Watchdog always does: that is how one knows that alerts work.",
        "short", (Query('ALERTS{alertstate="firing"}'),), width=24,
    ),
))  # fmt: skip

OVERVIEW: Final = Board(
    "overview", "Overview", "Traffic, errors, latency, orders, money, saturation and alerts of the whole shop.",
    (_NOW, _TRAFFIC, _SATURATION),
)  # fmt: skip
